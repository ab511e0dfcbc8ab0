//! Every format others speak, bytes <-> model, no sockets.
