//! What a plugin asks for, and what leaves the machine. Names stand for what the tests say; servers are real.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use catchwater_sdk::config::parse;

use super::*;

/// A server that gives one answer, and what it heard.
struct Server {
    port: u16,
    heard: JoinHandle<String>,
}

impl Server {
    fn answering(answer: &'static str) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let heard = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("somebody comes");
            let mut heard = vec![0; 65536];
            let length = connection.read(&mut heard).expect("it says something");
            connection.write_all(answer.as_bytes()).expect("it listens");
            String::from_utf8_lossy(&heard[..length]).into_owned()
        });
        Server { port, heard }
    }

    fn heard(self) -> String {
        self.heard.join().expect("it heard something")
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nhi";

/// Each name stands for one address.
fn lookup(address: &str) -> Lookup {
    let address = address.parse().expect("an address");
    std::sync::Arc::new(move |_| Box::pin(async move { Ok(vec![address]) }))
}

fn egress(grants: &str, address: &str) -> Egress {
    let node = parse(grants).documents.remove(0).root;
    let grants: Grants = node.read().expect("they are right");
    Egress::with_lookup(&grants, &lookup(address)).expect("they can be had")
}

fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
}

/// As a plugin's call does it, in a thread that may wait.
async fn send(egress: Egress, request: Request) -> Result<Response, Trouble> {
    let send = move || egress.send(request, &mut egress.budget());
    tokio::task::spawn_blocking(send).await.expect("it does not panic")
}

async fn check_denied(grants: &str, address: &str, url: &str, reason: &str) {
    let trouble = send(egress(grants, address), get(url)).await.expect_err("it is not granted");
    assert!(trouble.kind == TroubleKind::Denied && trouble.message.contains(reason), "{url}: {trouble:?}");
}

#[tokio::test]
async fn what_is_not_granted_is_not_reached() {
    let grants = "egress: [{to: 'https://api.example.com'}, {to: 'http://other.example.com:8080'}]";
    for url in [
        "http://api.example.com/",
        "https://api.example.com:444/",
        "https://api.example.com.evil.example/",
        "https://evil.example/?https://api.example.com",
        "http://other.example.com/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "file:///etc/passwd",
        "https://api.example.com.:443/",
    ] {
        check_denied(grants, "1.1.1.1", url, "is not granted").await;
    }
    check_denied(grants, "1.1.1.1", "https://me:secret@api.example.com/", "credentials").await;
    check_denied(grants, "1.1.1.1", "api.example.com", "is no address").await;
}

#[tokio::test]
async fn a_name_that_stands_for_an_address_nearby_is_not_reached() {
    let grants = "egress: [{to: 'http://api.example.com'}]";
    for address in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "::ffff:127.0.0.1", "fd00::1"] {
        check_denied(grants, address, "http://api.example.com/", "grant the name with its port").await;
    }
    for address in ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"] {
        check_denied(grants, address, "http://api.example.com/", "grant this very address").await;
    }
}

#[tokio::test]
async fn a_name_with_its_port_reaches_a_private_network_and_no_link() {
    let server = Server::answering(OK);
    let (grants, url) = (format!("egress: [{{to: 'http://api.internal:{0}'}}]", server.port), server.port);
    let url = format!("http://api.internal:{url}/a?b");
    check_denied(&grants, "169.254.169.254", &url, "grant this very address").await;
    let answer = send(egress(&grants, "127.0.0.1"), get(&url)).await.expect("it is granted");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hi"[..]));
    assert!(answer.headers.iter().any(|header| header.name == "x-a" && header.value == "b"));
    assert!(server.heard().starts_with("GET /a?b HTTP/1.1\r\n"));
}

#[tokio::test]
async fn the_system_is_asked_what_a_name_stands_for() {
    let node = parse("egress: [{to: 'http://localhost'}]").documents.remove(0).root;
    let egress = Egress::new(&node.read().expect("it is right")).expect("it can be had");
    let trouble = send(egress, get("http://localhost/")).await.expect_err("it is this machine");
    assert!(trouble.kind == TroubleKind::Denied && trouble.message.contains("`localhost` stands for"), "{trouble:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::answering(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n",
    );
    let to = format!("http://127.0.0.1:{}", server.port);
    let answer = send(egress(&format!("egress: [{{to: '{to}'}}]"), "1.1.1.1"), get(&to)).await.expect("an answer");
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn credentials_are_the_hosts_and_what_the_plugin_says_of_them_is_left_out() {
    let server = Server::answering(OK);
    let to = format!("http://127.0.0.1:{}", server.port);
    let grants = format!("egress: [{{to: '{to}', headers: {{Authorization: Bearer right}}}}]");
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let headers = vec![header("authorization", "Bearer wrong"), header("X-Own", "1")];
    send(egress(&grants, "1.1.1.1"), Request { headers, ..get(&to) }).await.expect("an answer");
    let heard = server.heard().to_lowercase();
    assert!(heard.contains("authorization: bearer right") && heard.contains("x-own: 1"), "{heard}");
    assert!(!heard.contains("wrong"), "{heard}");
}

#[tokio::test]
async fn what_says_how_a_message_is_sent_is_the_hosts() {
    for name in ["Host", "content-length", "Transfer-Encoding", "Proxy-Authorization", "a b", ""] {
        let headers = vec![Header { name: name.into(), value: "x".into() }];
        let request = Request { headers, ..get("http://127.0.0.1:9") };
        let trouble = send(egress("egress: [{to: 'http://127.0.0.1:9'}]", "1.1.1.1"), request).await;
        assert!(matches!(trouble, Err(Trouble { kind: TroubleKind::Denied, .. })), "{name}");
    }
    for method in ["CONNECT", "TRACE", "G E T", ""] {
        let request = Request { method: method.into(), ..get("http://127.0.0.1:9") };
        let trouble = send(egress("egress: [{to: 'http://127.0.0.1:9'}]", "1.1.1.1"), request).await;
        assert!(matches!(trouble, Err(Trouble { kind: TroubleKind::Denied, .. })), "{method}");
    }
}

async fn check_bound(answer: &'static str, bound: &str, request: Request, kind: TroubleKind, names: &str) {
    let server = Server::answering(answer);
    let to = format!("http://127.0.0.1:{}", server.port);
    let egress = egress(&format!("{{egress: [{{to: '{to}'}}], {bound}}}"), "1.1.1.1");
    let trouble = send(egress, Request { url: to, ..request }).await.expect_err("it is bounded");
    assert!(trouble.kind == kind && trouble.message.contains(names), "{trouble:?}");
}

#[tokio::test]
async fn bodies_and_time_are_bounded() {
    const LARGE: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1000\r\n";
    let large = format!("{LARGE}{}\r\n0\r\n\r\n", "x".repeat(4096)).leak();
    check_bound(large, "body_max: 1KiB", get(""), TroubleKind::Bounded, "`grants.body_max`").await;
    let request = Request { body: vec![0; 2000], ..get("") };
    let grants = "{egress: [{to: 'http://127.0.0.1:9'}], body_max: 1KiB}";
    let trouble = send(egress(grants, "1.1.1.1"), Request { url: "http://127.0.0.1:9".into(), ..request }).await;
    assert!(matches!(trouble, Err(Trouble { kind: TroubleKind::Bounded, .. })), "{trouble:?}");
    let slow = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = format!("http://{}", silent.local_addr().expect("it is bound"));
    let grants = format!("{{egress: [{{to: '{to}'}}], requests_time_max: 200ms}}");
    let trouble = send(egress(&grants, "1.1.1.1"), get(&to)).await.expect_err("nobody answers");
    assert!(trouble.message.contains("`grants.requests_time_max`"), "{trouble:?}");
    check_bound(slow, "body_max: 1KiB", get(""), TroubleKind::Away, "").await;
}

#[tokio::test]
async fn a_request_has_so_many_headers() {
    let header = |n| Header { name: format!("a{n}"), value: String::new() };
    let request = Request { headers: (0..30_000).map(header).collect(), ..get("http://127.0.0.1:9") };
    let trouble =
        send(egress("egress: [{to: 'http://127.0.0.1:9'}]", "1.1.1.1"), request).await.expect_err("it is too much");
    assert_eq!(
        (trouble.kind, &*trouble.message),
        (TroubleKind::Bounded, "a request with 30000 headers, and 100 may be")
    );
}

#[tokio::test]
async fn one_call_has_so_many_requests() {
    let egress = egress("{egress: [{to: 'http://127.0.0.1:9'}], requests_max: 2}", "1.1.1.1");
    let send = move || {
        let mut budget = egress.budget();
        let kinds = [(); 3].map(|()| egress.send(get("http://127.0.0.1:9"), &mut budget).expect_err("nobody is there"));
        (kinds, egress.send(get("http://127.0.0.1:9"), &mut egress.budget()).expect_err("nobody is there").kind)
    };
    let (troubles, next) = tokio::task::spawn_blocking(send).await.expect("it does not panic");
    assert_eq!(troubles.map(|trouble| trouble.kind), [TroubleKind::Away, TroubleKind::Away, TroubleKind::Bounded]);
    assert_eq!(next, TroubleKind::Away);
}

#[tokio::test]
async fn a_stop_ends_a_request_that_nobody_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = format!("http://{}", silent.local_addr().expect("it is bound"));
    let egress = std::sync::Arc::new(egress(&format!("egress: [{{to: '{to}'}}]"), "1.1.1.1"));
    let other = std::sync::Arc::clone(&egress);
    let sending = tokio::task::spawn_blocking(move || other.send(get(&to), &mut other.budget()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    egress.stop();
    let trouble = tokio::time::timeout(Duration::from_secs(20), sending).await.expect("it ends at once");
    assert_eq!(trouble.expect("it does not panic").expect_err("it is stopped").message, "the pipeline stops");
}
