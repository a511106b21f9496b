//! From the environment to a listening socket, and all the ways in which that can go wrong.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::dispatch::Dispatcher;
use crate::grpc;
use crate::script::{Script, Start};

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// Runs the plugin until it is asked to end.
pub fn run(script: Script) -> ExitCode {
    let cookie = std::env::var("TF_PLUGIN_MAGIC_COOKIE").unwrap_or_default();
    if cookie != COOKIE && script.start != Start::IgnoreCookie {
        eprintln!("This binary is a plugin. These are not meant to be executed directly.");
        return ExitCode::FAILURE;
    }
    // Plain lines at start are usual.
    eprintln!("Starting fake-provider");
    match &script.start {
        Start::Exit { code, stderr } => {
            eprintln!("{stderr}");
            std::process::exit(*code);
        }
        Start::Panic => crash(),
        Start::Hang => sleep_forever(),
        Start::CloseStdout => {
            close_stdout();
            sleep_forever()
        }
        Start::Endless => loop {
            print!("endless ");
        },
        Start::Line(line) => {
            say(line);
            sleep_forever()
        }
        Start::Flood(bytes) => flood(*bytes),
        Start::Grandchild => {
            let _ = std::process::Command::new("sleep").arg("1000").spawn();
        }
        _ => {}
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(script)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("[ERROR] {e}");
            ExitCode::FAILURE
        }
    }
}

/// Ends as a Go program does when it crashes.
pub fn crash() -> ! {
    eprintln!("panic: fake crash\n\ngoroutine 1 [running]:\nmain.main()\n\t/fake/main.go:12 +0x1d");
    std::process::exit(2);
}

fn sleep_forever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn close_stdout() {
    use std::os::fd::{FromRawFd, OwnedFd};
    // SAFETY: nothing else here uses the descriptor any more.
    drop(unsafe { OwnedFd::from_raw_fd(1) });
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn flood(bytes: usize) {
    let line = format!(
        "{{\"@level\":\"trace\",\"@message\":\"{}\",\"@module\":\"sdk.proto\"}}\n",
        "flood ".repeat(30)
    );
    let mut stderr = std::io::stderr().lock();
    for _ in 0..bytes / line.len() {
        let _ = stderr.write_all(line.as_bytes());
    }
}

async fn serve(script: Script) -> Result<(), Box<dyn std::error::Error>> {
    let path = socket_path();
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    let start = script.start.clone();
    let protocol = script.protocol.unwrap_or_else(highest_offered);
    let tls = std::env::var("PLUGIN_CLIENT_CERT")
        .ok()
        .map(|pem| server_tls(&pem))
        .transpose()?;
    let (acceptor, certificate) = match tls {
        Some((config, certificate)) => (Some(TlsAcceptor::from(config)), Some(certificate)),
        None => (None, None),
    };
    let certificate = match &start {
        Start::WrongCertificate => Some(self_signed()?.0),
        Start::NoCertificate => None,
        _ => certificate,
    };
    let address = match &start {
        Start::VanishedSocket => path.with_extension("gone"),
        _ => path.clone(),
    };
    let certificate = certificate
        .map(|c| STANDARD_NO_PAD.encode(c))
        .unwrap_or_default();
    say(&format!(
        "1|{protocol}|unix|{}|grpc|{certificate}",
        address.display()
    ));
    let dispatcher = Arc::new(Dispatcher::new(script, protocol));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let (start, acceptor) = (start.clone(), acceptor.clone());
                tokio::spawn(connection(start, stream, acceptor, dispatcher.clone()));
            }
            () = dispatcher.shutdown() => break,
        }
    }
    let _ = std::fs::remove_file(&path);
    Ok(())
}

fn socket_path() -> PathBuf {
    let dir = std::env::var_os("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from);
    let dir = dir.unwrap_or_else(std::env::temp_dir);
    dir.join(format!("plugin{}", std::process::id()))
}

fn highest_offered() -> u32 {
    let offered = std::env::var("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
    let known = offered
        .split(',')
        .filter_map(|v| v.parse().ok())
        .filter(|v| matches!(v, 5 | 6));
    known.max().unwrap_or(5)
}

type Certificate = CertificateDer<'static>;

/// A certificate as go-plugin makes it: P-521, marked as an authority.
fn self_signed() -> Result<(Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512)?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "HashiCorp");
    let certificate = params.self_signed(&key)?;
    Ok((certificate.der().clone(), key))
}

type Tls = (Arc<ServerConfig>, Certificate);

fn server_tls(client_pem: &str) -> Result<Tls, Box<dyn std::error::Error>> {
    let base64: String = client_pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(STANDARD.decode(base64)?.into())?;
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto.clone()).build()?;
    let (certificate, key) = self_signed()?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.clone()], key.into())?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok((Arc::new(config), certificate))
}

async fn connection(
    start: Start,
    mut stream: UnixStream,
    acceptor: Option<TlsAcceptor>,
    dispatcher: Arc<Dispatcher>,
) {
    match start {
        Start::Deaf => std::future::pending().await,
        Start::HangUp => return,
        Start::NotHttp if acceptor.is_none() => {
            let _ = stream.write_all(b"SSH-2.0-fake\r\n").await;
            return std::future::pending().await;
        }
        _ => {}
    }
    match acceptor {
        None => grpc::serve(stream, dispatcher).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(mut stream) if start == Start::NotHttp => {
                let _ = stream.write_all(b"SSH-2.0-fake\r\n").await;
                std::future::pending().await
            }
            Ok(stream) => grpc::serve(stream, dispatcher).await,
            Err(e) => eprintln!("[WARN] TLS: {e}"),
        },
    }
}
