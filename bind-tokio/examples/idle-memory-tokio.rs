//! What an idle connection costs a server on tokio: the slope of the process's memory between 2,000 and 18,000
//! of them, with 4 KiB pages as the unit. The clients are another process, which has no part in it.

use std::error::Error;
use std::future::pending;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::{env, fs, thread};

use bind_tokio::core::Config;
use bind_tokio::{Endpoint, NoService};

const FEW: usize = 2_000;
const MANY: usize = 18_000;

const CONFIG: Config = Config::new().idle_timeout(None);

fn main() -> ExitCode {
    let done = match env::args().nth(1).map(|address| address.parse()) {
        Some(Ok(server)) => connect(server).map_err(Into::into),
        Some(Err(error)) => Err(error.into()),
        None => measure(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("idle-memory-tokio: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let endpoint = Endpoint::new(CONFIG).max_connections(20_000);
    let listener = runtime.block_on(endpoint.listen_plain((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    thread::spawn(move || runtime.block_on(listener.serve(|_| NoService, pending())));

    let mut clients = Command::new(env::current_exe()?);
    let clients = clients.arg(address.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut clients = clients.spawn()?;
    let few = memory_with(&mut clients, FEW);
    let many = few.as_ref().ok().map(|_| memory_with(&mut clients, MANY));
    clients.kill()?;
    let (few, many) = (few?, many.transpose()?.unwrap_or_default());
    println!("{FEW} connections: {} KiB", few / 1024);
    println!("{MANY} connections: {} KiB", many / 1024);
    println!("{} bytes for each", many.saturating_sub(few) / (MANY - FEW));
    Ok(())
}

/// Memory of this process with so many connections.
fn memory_with(clients: &mut Child, connections: usize) -> Result<usize, Box<dyn Error>> {
    writeln!(clients.stdin.as_mut().ok_or("no way to the clients")?, "{connections}")?;
    let mut answer = String::new();
    BufReader::new(clients.stdout.as_mut().ok_or("no way from the clients")?).read_line(&mut answer)?;
    if answer.trim() != connections.to_string() {
        return Err("the clients could not connect: may a process open 20,000 files?".into());
    }
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: usize = statm.split(' ').nth(1).ok_or("no resident pages")?.parse()?;
    Ok(pages * 4096)
}

/// The other process: as many connections as it is told, each with its first words exchanged.
fn connect(server: SocketAddr) -> io::Result<()> {
    let mut connections = Vec::new();
    for wanted in io::stdin().lines() {
        let wanted = wanted?.parse().map_err(io::Error::other)?;
        while connections.len() < wanted {
            let mut connection = TcpStream::connect(server)?;
            connection.write_all(&[0x00, 0xe1])?;
            connection.read_exact(&mut [0; 6])?;
            connections.push(connection);
        }
        println!("{wanted}");
    }
    Ok(())
}
