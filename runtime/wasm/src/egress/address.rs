//! Which addresses a name may stand for.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Finds the addresses of a name.
pub(super) type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;
type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who can be at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Anybody in the internet.
    Public,
    /// This machine, or one of a private network.
    Private,
    /// Who is on the same link, as what tells a cloud's machines their secrets; or several at once, or nobody.
    Barred,
}

/// Finds addresses, and lets through those that are no nearer than it may be.
pub(super) struct Checked {
    pub(super) lookup: Lookup,
    pub(super) nearest: Scope,
}

/// A name stands for addresses that are not granted.
#[derive(Debug)]
pub(super) struct OutOfBounds {
    name: String,
    address: IpAddr,
}

/// The system's own way to look a name up.
pub(super) fn system() -> Lookup {
    Arc::new(|name: String| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

// === impl Checked ===

impl Resolve for Checked {
    /// The connection goes to what is answered here: there is no second look-up in between.
    fn resolve(&self, name: Name) -> Resolving {
        let (name, nearest) = (name.as_str().to_owned(), self.nearest);
        let found = (self.lookup)(name.clone());
        Box::pin(async move {
            let (reached, others): (Vec<_>, Vec<_>) =
                found.await?.into_iter().partition(|address| scope(*address) <= nearest);
            if let (Some(address), true) = (others.first(), reached.is_empty()) {
                return Err(OutOfBounds { name, address: *address }.into());
            }
            let addresses: Addrs = Box::new(reached.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

// === impl OutOfBounds ===

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutOfBounds { name, address } = self;
        let (what, grant) = match scope(*address) {
            Scope::Barred => ("which a name may not reach", "this very address"),
            _ => ("which is on this machine or in a private network", "the name with its port"),
        };
        write!(f, "`{name}` stands for {address}, {what}; grant {grant} if it is meant")
    }
}

impl Error for OutOfBounds {}

/// See [`Scope`]. An address of one family within the other is what it stands for.
pub(super) fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(address) => scope_v4(address),
        IpAddr::V6(address) => within(address).map_or_else(|| scope_v6(address), scope_v4),
    }
}

/// The ranges are those of IANA's registry of special addresses.
fn scope_v4(address: Ipv4Addr) -> Scope {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    let is_reserved = first == 0
        || first >= 240
        || (first, second, third) == (192, 0, 0)
        || first == 198 && second & 0xfe == 18
        || address.is_documentation();
    match address {
        _ if address.is_link_local() || address.is_multicast() || is_reserved => Scope::Barred,
        _ if address.is_loopback() || address.is_private() || is_shared => Scope::Private,
        _ => Scope::Public,
    }
}

fn scope_v6(address: Ipv6Addr) -> Scope {
    let first = address.segments()[0];
    match first {
        _ if address.is_loopback() || first & 0xfe00 == 0xfc00 => Scope::Private,
        // What is given out to the internet: all else is of a link, a site, many, or nobody.
        _ if first & 0xe000 == 0x2000 && !is_tunnel_or_example(address) => Scope::Public,
        _ => Scope::Barred,
    }
}

fn is_tunnel_or_example(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    first == 0x2001 && (second == 0 || second == 0xdb8)
}

/// The IPv4 address that an IPv6 address carries: mapped, translated by NAT64, or of 6to4.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: Scope) {
        assert_eq!(scope(address.parse().expect("an address")), expected, "{address}");
    }

    #[test]
    fn the_internet_is_public() {
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:8.8.8.8"]
        {
            check(address, Scope::Public);
        }
    }

    #[test]
    fn this_machine_and_its_networks_are_private() {
        for address in ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.100.100.200"] {
            check(address, Scope::Private);
        }
        for address in
            ["::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
        {
            check(address, Scope::Private);
        }
    }

    #[test]
    fn links_many_and_nobody_are_barred() {
        for address in
            ["169.254.169.254", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1"]
        {
            check(address, Scope::Barred);
        }
        for address in
            ["::", "fe80::1", "ff02::1", "fec0::1", "::ffff:169.254.169.254", "2001:db8::1", "2001::1", "::7f00:1"]
        {
            check(address, Scope::Barred);
        }
    }
}
