// Where the server is mounted, read from the address of the page.

/** Below this path lie all screens. */
export const ROOT = '/monitoring';

/** The part of the path before `/monitoring`; nothing for a server at the root of its host. */
export function basePath(pathname: string): string {
  const at = `${pathname}/`.lastIndexOf(`${ROOT}/`);
  return at === -1 ? '' : pathname.slice(0, at);
}
