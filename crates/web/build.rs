//! Tells cargo to embed the user interface anew when it was built anew.

fn main() {
    println!("cargo::rerun-if-changed=../../ui/dist");
}
