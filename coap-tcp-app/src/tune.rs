//! The core's advice, in the words of an operating system.

use std::io;

use coap_tcp_core::Advice;
use socket2::{SockRef, TcpKeepalive};

/// Tells a TCP socket of any runtime what the core advises: no Nagle (K-3.2.3-2), and TCP's keep-alive and user
/// timeout where they are wanted (F-31). The user timeout is left out where the system has none; the
/// configuration's `write_timeout` bounds the same wait.
///
/// Size of segments, window and delay of acknowledgements are the system's: it adapts them better than a constant.
///
/// # Errors
/// As the system says.
pub fn tune<'s, S>(socket: &'s S, advice: &Advice) -> io::Result<()>
where
    SockRef<'s>: From<&'s S>,
{
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(!advice.nagle)?;
    if let Some(after) = advice.keep_alive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(after))?;
    }
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    if let Some(timeout) = advice.user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::time::Duration;

    use coap_tcp_core::Config;

    use super::*;

    fn socket() -> TcpStream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap()
    }

    #[test]
    fn k_3_2_3_2_nagle_is_off_and_f_31_nothing_else_is_on_by_default() {
        let stream = socket();
        tune(&stream, &Advice::initiator(&Config::new())).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap().unwrap_or_default(), Duration::ZERO);
    }

    #[test]
    fn f_31_keep_alive_and_user_timeout_can_be_had() {
        let stream = socket();
        let (idle, limit) = (Duration::from_secs(7200), Duration::from_secs(90));
        let advice =
            Advice { keep_alive: Some(idle), user_timeout: Some(limit), ..Advice::acceptor(&Config::new()) };
        tune(&stream, &advice).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), idle);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(limit));
    }
}
