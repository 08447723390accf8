//! A CoAP client over TCP for the command line.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bind_tokio::core::uri::{Scheme, Uri};
use bind_tokio::core::{Code, Config, Incoming, Message, OptionNumber, Tolerance};
use bind_tokio::{Direction, Draft, Endpoint, Handle, Reader, Received, Reply, Wiretap};
use clap::{Parser, ValueEnum};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends a CoAP request over TCP and prints the answer.
///
/// Exit code 0 for a 2.xx answer, 1 for any other end, 2 for bad arguments.
#[derive(Parser)]
struct Arguments {
    /// coap+tcp://HOST[:PORT]/PATH[?QUERY]
    uri: String,
    /// Method; GET, or PUT with --put-file
    #[arg(short, long, value_enum)]
    method: Option<Method>,
    /// Payload from the command line
    #[arg(short = 'e', long, group = "body")]
    payload: Option<String>,
    /// Payload from a file
    #[arg(short, long, group = "body")]
    file: Option<PathBuf>,
    /// Payload from standard input
    #[arg(long, group = "body")]
    stdin: bool,
    /// Payload from a file that is read while it is sent, whatever its size
    #[arg(long, group = "body", value_name = "FILE", conflicts_with = "observe")]
    put_file: Option<PathBuf>,
    /// Write the answer's payload to this file while it comes, whatever its size
    #[arg(short, long, value_name = "FILE", conflicts_with = "observe")]
    output: Option<PathBuf>,
    /// Observe, and end after so many notifications
    #[arg(short = 's', long, value_name = "N")]
    observe: Option<usize>,
    /// Accept this Content-Format
    #[arg(long, value_name = "NUMBER")]
    accept: Option<u16>,
    /// Content-Format of the payload
    #[arg(long, value_name = "NUMBER")]
    content_format: Option<u16>,
    /// Seconds to wait for it all
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
    /// Show every message on standard error
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Method {
    Get,
    Put,
    Post,
    Delete,
    Fetch,
    Patch,
    #[value(name = "ipatch")]
    IPatch,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = match demo::arguments::<Arguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let request = match prepare(&arguments) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("coap-client: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments, request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coap-client: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Prepared {
    host: String,
    port: u16,
    draft: Draft,
}

/// All that can be wrong with the arguments is found here.
fn prepare(arguments: &Arguments) -> Result<Prepared, Failure> {
    let uri = Uri::parse(&arguments.uri)?;
    if uri.scheme() != Scheme::CoapTcp {
        return Err("only coap+tcp is spoken here".into());
    }
    let payload = match (&arguments.payload, &arguments.file) {
        (Some(text), _) => text.clone().into_bytes(),
        (_, Some(file)) => std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?,
        _ if arguments.stdin => {
            let mut payload = Vec::new();
            std::io::stdin().read_to_end(&mut payload)?;
            payload
        }
        _ => Vec::new(),
    };
    let code = match arguments.method {
        None if arguments.put_file.is_some() => Code::PUT,
        None | Some(Method::Get) => Code::GET,
        Some(Method::Put) => Code::PUT,
        Some(Method::Post) => Code::POST,
        Some(Method::Delete) => Code::DELETE,
        Some(Method::Fetch) => Code::FETCH,
        Some(Method::Patch) => Code::PATCH,
        Some(Method::IPatch) => Code::IPATCH,
    };
    let mut draft = Draft::new(code).uri(&uri)?.payload(payload);
    if let Some(format) = arguments.content_format {
        draft = draft.uint(OptionNumber::CONTENT_FORMAT, format.into());
    }
    if let Some(format) = arguments.accept {
        draft = draft.uint(OptionNumber::ACCEPT, format.into());
    }
    Ok(Prepared { host: uri.host().to_owned(), port: uri.port(), draft })
}

#[tokio::main(flavor = "current_thread")]
async fn run(arguments: &Arguments, request: Prepared) -> Result<(), Failure> {
    let Prepared { host, port, draft } = request;
    // Some servers take blocks without saying so, and some ignore a Release: a second is enough to find out.
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.unannounced_blocks = true;
    let config = Config::new()
        .max_message_size(1024 * 1024 + 256)
        .tolerance(tolerance)
        .release_timeout(Duration::from_secs(1));
    let endpoint = Endpoint::new(config);
    let stream = endpoint.tcp((host.trim_matches(['[', ']']), port)).await;
    let stream = stream.map_err(|error| format!("{host}:{port}: {error}"))?;
    let verbose = arguments.verbose;
    let stream = Wiretap::new(stream, move |direction, message: &Message<'_>| {
        if verbose {
            eprintln!("{} {message}", if direction == Direction::Out { "->" } else { "<-" });
        }
    });
    let (handle, driver) = endpoint.connect_over(stream, serve);
    let talk = async {
        let result = async {
            match arguments.observe {
                None if arguments.put_file.is_some() || arguments.output.is_some() => {
                    transfer(&handle, draft, arguments).await
                }
                None => ask(&handle, draft).await,
                Some(count) => observe(&handle, draft, count).await,
            }
        };
        let limit = Duration::from_secs(arguments.timeout);
        let result = tokio::time::timeout(limit, result).await;
        handle.release();
        result.unwrap_or_else(|_| Err("no answer in time".into()))
    };
    let (ended, result) = tokio::join!(driver, talk);
    ended?;
    result
}

/// What a server may ask this client for, on the same connection.
fn serve(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    match request.path_is(&["device"]) && request.code == Code::GET {
        true => reply.content(Code::CONTENT, 0, b"this is the client"),
        false => reply.code(Code::NOT_FOUND),
    }
}

async fn ask(handle: &Handle, draft: Draft) -> Result<(), Failure> {
    show(&handle.request(draft).await?)
}

/// Of neither body more is kept than one message carries.
async fn transfer(handle: &Handle, draft: Draft, arguments: &Arguments) -> Result<(), Failure> {
    let download = match &arguments.put_file {
        None => handle.download(draft).await?,
        Some(path) => {
            let file = tokio::fs::File::open(path).await;
            let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
            let length = file.metadata().await?.len();
            let mut upload = handle.upload(draft, Some(length)).await?;
            bind_tokio::feed(&mut upload, file).await?;
            upload.download().await?
        }
    };
    if !download.head().view().code.is_success() {
        let code = download.head().view().code;
        let mut text = String::new();
        Reader::new(download).read_to_string(&mut text).await?;
        return Err(format!("{code} {text}").trim_end().into());
    }
    let mut body = Reader::new(download);
    match &arguments.output {
        None => drop(tokio::io::copy(&mut body, &mut tokio::io::stdout()).await?),
        Some(path) => {
            let file = tokio::fs::File::create(path).await;
            let mut file = file.map_err(|error| format!("{}: {error}", path.display()))?;
            tokio::io::copy(&mut body, &mut file).await?;
            file.flush().await?;
        }
    }
    Ok(())
}

async fn observe(handle: &Handle, draft: Draft, count: usize) -> Result<(), Failure> {
    let mut observation = handle.observe(draft).await?;
    for left in (0..=count).rev() {
        match observation.next().await {
            Some(notification) => show(&notification?)?,
            None if left == count => return Err("no answer in time".into()),
            None => return Err("the observation ended early".into()),
        }
    }
    observation.cancel().await?;
    Ok(())
}

fn show(answer: &Received) -> Result<(), Failure> {
    let answer = answer.view();
    if !answer.code.is_success() {
        let text = String::from_utf8_lossy(answer.payload);
        return Err(format!("{} {text}", answer.code).trim_end().into());
    }
    let mut out = std::io::stdout().lock();
    out.write_all(answer.payload)?;
    if !answer.payload.is_empty() {
        out.write_all(b"\n")?;
    }
    Ok(())
}
