//! Ports of pods that are forwarded over a WebSocket: `v4.channel.k8s.io`, two channels for a port, the first for data
//! and the second for one error; each begins with the port's number. Behind a port is an address of loopback that the
//! test names, or nobody.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::refusal::Refusal;
use crate::request::{Body, Reply, Request};
use crate::store::{Key, World, text};

/// What kubelets speak of what clients offer.
pub(crate) const PROTOCOL: &str = "v4.channel.k8s.io";

/// Who listens behind which port of the containers of an image.
#[derive(Debug, Default)]
pub(crate) struct Listeners(BTreeMap<(String, u16), SocketAddr>);

impl Listeners {
    pub(crate) fn set(&mut self, image: &str, port: u16, address: SocketAddr) {
        self.0.insert((image.into(), port), address);
    }

    fn of(&self, pod: &Value, port: u16) -> Option<SocketAddr> {
        let running = pod["status"]["containerStatuses"][0]["state"]["running"].is_object();
        let image = text(pod, "/spec/containers/0/image");
        let behind = |image: &str| self.0.get(&(image.to_owned(), port)).copied();
        behind(image).or_else(|| behind("")).filter(|_| running)
    }
}

/// One port that is forwarded.
#[derive(Debug)]
pub(crate) struct Forward {
    /// The answer to the key of the handshake.
    pub(crate) accept: String,
    port: u16,
    pod: String,
    to: Option<SocketAddr>,
}

/// Opens a port of a pod.
pub(crate) fn open(world: &World, key: &Key, request: &Request) -> Result<Reply, Refusal> {
    let pod = world.get(key).ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    if text(pod, "/spec/nodeName").is_empty() {
        return Err(Refusal::bad_request(format!(
            "pod {} does not have a host assigned",
            key.name
        )));
    }
    let mut offered = request.header("sec-websocket-protocol").split(',');
    if !request.header("upgrade").eq_ignore_ascii_case("websocket") || !offered.any(|one| one.trim() == PROTOCOL) {
        return Err(Refusal::bad_request("Upgrade request required"));
    }
    let Ok(port) = request.query("ports").parse() else {
        return Err(Refusal::bad_request("query parameter \"ports\" is required"));
    };
    let forward = Forward {
        accept: derive_accept_key(request.header("sec-websocket-key").as_bytes()),
        port,
        pod: text(pod, "/metadata/uid").replace('-', ""),
        to: world.listeners.of(pod, port),
    };
    Ok(Reply {
        code: 101,
        warnings: Vec::new(),
        body: Body::Forward(forward),
    })
}

impl Forward {
    /// Carries bytes both ways until one side ends.
    pub(crate) async fn carry(self, upgrade: OnUpgrade) {
        let Ok(upgraded) = upgrade.await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        for channel in [DATA, ERROR] {
            let [low, high] = self.port.to_le_bytes();
            let _ = socket
                .send(Message::Binary(Bytes::from(vec![channel, low, high])))
                .await;
        }
        let connected = match self.to {
            Some(address) => TcpStream::connect(address).await.ok(),
            None => None,
        };
        match connected {
            Some(stream) => pump(&mut socket, stream).await,
            None => {
                let _ = socket.send(framed(ERROR, self.refused().as_bytes())).await;
            }
        }
        let _ = socket.close(None).await;
    }

    /// What containerd says where nobody listens.
    fn refused(&self) -> String {
        let (port, pod) = (self.port, &self.pod);
        format!(
            "error forwarding port {port} to pod {pod}, uid : failed to execute portforward in network namespace \"/var/run/netns/cni-{pod}\": failed to connect to localhost:{port} inside namespace \"{pod}\", IPv4: dial tcp4 127.0.0.1:{port}: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found "
        )
    }
}

const DATA: u8 = 0;
const ERROR: u8 = 1;

fn framed(channel: u8, bytes: &[u8]) -> Message {
    let mut frame = vec![channel];
    frame.extend_from_slice(bytes);
    Message::Binary(frame.into())
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

async fn pump(socket: &mut Socket, mut stream: TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(count) if count > 0 => {
                    if socket.send(framed(DATA, &buffer[..count])).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) if bytes.first() == Some(&DATA) => {
                    if stream.write_all(&bytes[1..]).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}
