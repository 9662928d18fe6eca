use super::*;

fn plan() -> LoadPlan {
    LoadPlan::new(std::net::SocketAddr::from(([127, 0, 0, 1], 7)))
}

#[test]
fn an_ordinary_plan_is_feasible() {
    assert_eq!(plan().check(), Ok(()));
}

#[test]
fn connections_are_limited_by_descriptors_ports_and_memory() {
    let many = |connections| LoadPlan {
        connections,
        ..plan()
    };
    assert_eq!(many(992).check_connections(Some(1024)), Ok(()));
    let error = many(993).check_connections(Some(1024)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot open 993 connections: too many open files; the limit on open files (RLIMIT_NOFILE) is 1024, \
         enough for 992"
    );
    let remote = LoadPlan {
        target: Address::Inet(([192, 0, 2, 1], 7).into()),
        ..many(65_000)
    };
    let error = remote.check_connections(None).unwrap_err();
    assert!(error.to_string().contains("64,512 ports"), "{error}");
    assert_eq!(many(65_000).check_connections(None), Ok(()));
    let sources = ["127.0.0.2", "127.0.0.3", "127.0.0.2"].map(|it| it.parse().unwrap());
    let from_two = |connections| LoadPlan {
        sources: sources.to_vec(),
        ..many(connections)
    };
    assert_eq!(from_two(129_024).check_connections(None), Ok(()));
    let error = from_two(129_025).check_connections(None).unwrap_err();
    assert!(error.to_string().contains("129,024 ports"), "{error}");
    let deep = LoadPlan {
        depth: usize::MAX,
        ..many(2)
    };
    for plan in [many(usize::MAX), deep] {
        let error = plan.check_connections(None).unwrap_err();
        assert!(error.to_string().contains("memory"), "{error}");
    }
}

#[test]
fn a_source_has_to_be_an_address_of_this_machine_from_which_the_server_can_be_reached() {
    let from = |source: &str| {
        let sources = vec![source.parse().unwrap()];
        LoadPlan { sources, ..plan() }.check()
    };
    assert_eq!(from("127.0.0.1"), Ok(()));
    let error = from("192.0.2.1").unwrap_err().to_string();
    assert!(
        error.starts_with("cannot connect from 192.0.2.1: "),
        "{error}"
    );
    let error = from("::1").unwrap_err().to_string();
    assert!(error.starts_with("cannot connect from ::1"), "{error}");
}

#[test]
fn each_thread_has_a_connection_and_datagrams_have_one_thread() {
    let threads = |threads, connections, transport| {
        let plan = LoadPlan {
            threads,
            connections,
            transport,
            size: 64,
            ..plan()
        };
        plan.check().map_err(|error| error.to_string())
    };
    let (stream, datagrams) = (Transport::Stream, Transport::Datagrams);
    assert_eq!(threads(2, 2, stream), Ok(()));
    assert_eq!(threads(1, 1, datagrams), Ok(()));
    for (plan, error) in [
        (
            threads(0, 1, stream),
            "connections, threads, size and depth must be at least 1",
        ),
        (
            threads(3, 2, stream),
            "the generator cannot have 3 threads for 2 connections: at most 2",
        ),
        (
            threads(129, 500, stream),
            "the generator cannot have 129 threads for 500 connections: at most 128",
        ),
        (
            threads(2, 2, datagrams),
            "the generator cannot have 2 threads over UDP: at most 1",
        ),
    ] {
        assert_eq!(plan.unwrap_err(), error);
    }
}
