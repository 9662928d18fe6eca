//! Where processes listen, as the files below /proc report it (proc(5)).

use crate::text::address::Address;
#[cfg(target_os = "linux")]
pub use linux::{holder_of, listening};
#[cfg(not(target_os = "linux"))]
pub use unknown::{holder_of, listening};

/// Whether a socket that is bound to `bound` receives what is sent to `address`.
pub fn receives(bound: &Address, address: &Address) -> bool {
    match (bound, address) {
        (Address::Inet(bound), Address::Inet(address)) => {
            bound.port() == address.port()
                && (bound.ip() == address.ip() || bound.ip().is_unspecified())
        }
        _ => bound == address,
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::receives;
    use crate::text::address::{Address, UnixName};
    use std::collections::HashSet;
    use std::fs::{self, File};
    use std::io::{BufRead, BufReader};
    use std::net::{IpAddr, Ipv6Addr, SocketAddr};
    use std::path::Path;

    /// A socket that accepts connections or receives datagrams: its address, and the number of its inode, by which the
    /// descriptors of a process name it.
    type Bound = (Address, u64);

    /// The addresses of the sockets that these processes hold and that accept connections or, without a peer, receive
    /// datagrams. Those of another network namespace are not known.
    pub fn listening(pids: &[u32]) -> Vec<Address> {
        let held: HashSet<u64> = pids.iter().flat_map(|pid| sockets_of(*pid)).collect();
        let held = bound_sockets().filter(|(_, inode)| held.contains(inode));
        held.map(|(address, _)| address).collect()
    }

    /// A process that this user may look at and that holds a socket that receives what is sent to `address`.
    pub fn holder_of(address: &Address) -> Option<u32> {
        let bound = bound_sockets().filter(|(bound, _)| receives(bound, address));
        let inodes: HashSet<u64> = bound.map(|(_, inode)| inode).collect();
        let names = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(|pid| sockets_of(*pid).any(|inode| inodes.contains(&inode)))
    }

    /// The inodes of the sockets that a process has open; none if this user may not look at it.
    fn sockets_of(pid: u32) -> impl Iterator<Item = u64> {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter();
        entries.flatten().flatten().filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            inode.strip_suffix(']')?.parse().ok()
        })
    }

    fn bound_sockets() -> impl Iterator<Item = Bound> {
        let lines = |file: &str| {
            let lines = File::open(Path::new("/proc/net").join(file)).map(BufReader::new);
            let lines = lines.into_iter().flat_map(BufRead::lines);
            lines.map_while(Result::ok).skip(1)
        };
        // Those that listen come first.
        let tcp = ["tcp", "tcp6"]
            .into_iter()
            .flat_map(move |file| lines(file).map_while(|line| inet(&line, "0A")));
        let udp = ["udp", "udp6"]
            .into_iter()
            .flat_map(move |file| lines(file).filter_map(|line| inet(&line, "07")));
        tcp.chain(udp)
            .chain(lines("unix").filter_map(|line| unix(&line)))
    }

    /// `SLOT: ADDRESS REMOTE STATE QUEUES TIMER RETRANSMITS USER TIMEOUT INODE …` of a socket in this state.
    fn inet(line: &str, state: &str) -> Option<Bound> {
        let mut words = line.split_whitespace();
        let (address, port) = words.nth(1)?.split_once(':')?;
        if words.nth(1)? != state {
            return None;
        }
        let ip = if address.len() == 8 {
            IpAddr::from(word_at(address, 0)?)
        } else {
            let mut bytes = Vec::with_capacity(16);
            for at in [0, 8, 16, 24] {
                bytes.extend(word_at(address, at)?);
            }
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
        };
        let port = u16::from_str_radix(port, 16).ok()?;
        let inode = words.nth(5)?.parse().ok()?;
        Some((SocketAddr::new(ip, port).into(), inode))
    }

    /// Four bytes of an address, which are printed as one number of the machine.
    fn word_at(digits: &str, at: usize) -> Option<[u8; 4]> {
        let number = u32::from_str_radix(digits.get(at..at + 8)?, 16).ok()?;
        Some(number.to_ne_bytes())
    }

    /// `ADDRESS: REFERENCES PROTOCOL FLAGS TYPE STATE INODE PATH` of a socket that listens.
    fn unix(line: &str) -> Option<Bound> {
        const LISTENS: u32 = 1 << 16;
        let mut words = line.split_whitespace();
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        let inode = words.nth(2)?.parse().ok()?;
        let path = words.next()?;
        let is_file = flags & LISTENS != 0 && !path.starts_with('@');
        is_file.then(|| (Address::Unix(UnixName::Path(Path::new(path).into())), inode))
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::net::{TcpListener, UdpSocket};
        use std::os::unix::net::UnixListener;

        #[test]
        fn sockets_of_every_kind_are_found_where_they_are_bound() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("socket");
            let _unix = UnixListener::bind(&path).unwrap();
            let mut expected = vec![Address::Unix(UnixName::Path(path.into()))];
            let tcp: Vec<TcpListener> = ["127.0.0.2:0", "[::1]:0"]
                .into_iter()
                .filter_map(|address| TcpListener::bind(address).ok())
                .collect();
            let udp = UdpSocket::bind("127.0.0.3:0").unwrap();
            expected.extend(tcp.iter().map(|it| it.local_addr().unwrap().into()));
            expected.push(udp.local_addr().unwrap().into());
            let found = listening(&[std::process::id()]);
            for address in expected {
                assert!(found.contains(&address), "{address} is not in {found:?}");
                assert_eq!(holder_of(&address), Some(std::process::id()));
            }
        }

        #[test]
        fn lines_of_another_form_are_no_sockets() {
            assert_eq!(inet("", "0A"), None);
            assert_eq!(inet("0: 0100007F:zz 00000000:0000 0A", "0A"), None);
            assert_eq!(unix("0000: 00000002 00000000 00000000 0002 01 17"), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unknown {
    use crate::text::address::Address;

    /// Not known on this system.
    pub fn listening(_pids: &[u32]) -> Vec<Address> {
        Vec::new()
    }

    /// Not known on this system.
    pub fn holder_of(_address: &Address) -> Option<u32> {
        None
    }
}
