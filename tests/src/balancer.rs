//! A small TCP balancer: each connection goes to the next gateway that accepts it, byte by byte, and ends when either side does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A running balancer. Dropping it cuts every connection.
#[derive(Debug)]
pub struct Balancer {
    /// Where it listens.
    pub address: SocketAddr,
    accept: JoinHandle<()>,
}

impl Balancer {
    /// Listens on a free loopback port, in front of these gateways.
    pub async fn open(gateways: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind(crate::deployment::free_address())
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let next = Arc::new(AtomicUsize::new(0));
        let accept = tokio::spawn(async move {
            let gateways: Arc<[SocketAddr]> = gateways.into();
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((client, _)) = accepted else { continue };
                        let first = next.fetch_add(1, Ordering::Relaxed);
                        connections.spawn(join(client, Arc::clone(&gateways), first));
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Self { address, accept }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn join(mut client: TcpStream, gateways: Arc<[SocketAddr]>, first: usize) {
    for gateway in gateways
        .iter()
        .cycle()
        .skip(first % gateways.len())
        .take(gateways.len())
    {
        if let Ok(mut stream) = TcpStream::connect(gateway).await {
            let _slower = (client.set_nodelay(true), stream.set_nodelay(true));
            // However it ends, both sides are closed.
            let _ended = tokio::io::copy_bidirectional(&mut client, &mut stream).await;
            return;
        }
    }
}
