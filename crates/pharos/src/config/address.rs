//! Address: where to listen, as the file says it. Each type tells in words for people what it expects,
//! and its error keeps the place in the file.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};

/// An address to listen on. Names of hosts are none: they may mean several addresses, or
/// others later.
#[derive(Debug)]
pub(super) struct Address(pub(super) SocketAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl de::Visitor<'_> for Words {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("IP:PORT, such as \"127.0.0.1:8000\" or \"[::1]:8000\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Address, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Str(text), &self);
                text.parse().map(Address).map_err(wrong)
            }
        }
        deserializer.deserialize_str(Words)
    }
}

/// Addresses to listen on.
#[derive(Debug)]
pub(super) struct Addresses(pub(super) Vec<SocketAddr>);

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> de::Visitor<'de> for List {
            type Value = Addresses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of addresses, such as [\"127.0.0.1:8000\"]")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Addresses, A::Error> {
                let mut addresses = Vec::new();
                while let Some(Address(address)) = list.next_element()? {
                    addresses.push(address);
                }
                Ok(Addresses(addresses))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// A port.
#[derive(Debug)]
pub(super) struct Port(pub(super) u16);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl de::Visitor<'_> for Number {
            type Value = Port;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port, a number from 0 to 65535")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Port, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Signed(number), &self);
                u16::try_from(number).map(Port).map_err(wrong)
            }
        }
        deserializer.deserialize_i64(Number)
    }
}
