//! The keys of CURVE: the `curve` commands, and what sockets are told.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use monocoque::{AccessPolicy, Any, Certificate, CertificateStore, SecretKey, SocketBuilder, new_secret_key};

use crate::args::KeyArgs;
use crate::exit::{EXIT_CODES, Failure};

#[derive(Debug, Subcommand)]
pub enum CurveCommand {
    /// Draw a key pair: on the output, or as a certificate in files.
    #[command(after_help = format!("Examples:
  monocoque curve keygen
  monocoque curve keygen keys/ann --property name=ann     # keys/ann, and keys/ann_secret for you alone

{EXIT_CODES}"))]
    Keygen(KeygenArgs),
    /// Print the public key that belongs to a secret one, which is read from a file or the input.
    #[command(after_help = format!("Examples:
  monocoque curve pub keys/ann_secret
  echo \"$SECRET\" | monocoque curve pub

{EXIT_CODES}"))]
    Pub {
        /// A secret certificate, or a file with a secret key in Z85; without it, the input.
        file: Option<PathBuf>,
    },
    /// Say of certificates whether they are sound and nobody else can read their secrets.
    #[command(after_help = format!("Examples:
  monocoque curve check keys/*

{EXIT_CODES}"))]
    Check {
        /// The certificates.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// Write the public certificate here and the secret one beside it, with _secret added to its name.
    file: Option<PathBuf>,
    /// What is known of the owner; a server that lets in its `name` calls it so.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_property, requires = "file")]
    property: Vec<(String, String)>,
}

fn parse_property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a property is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// # Errors
/// [`Failure`] by what went wrong; of a check, if any certificate is not sound.
pub fn run(command: CurveCommand) -> Result<(), Failure> {
    match command {
        CurveCommand::Keygen(args) => keygen(args),
        CurveCommand::Pub { file } => public(file.as_deref()),
        CurveCommand::Check { files } => check(&files),
    }
}

/// Gives a socket the keys that were asked for.
///
/// # Errors
/// [`Failure`] for a file that is no certificate, or not secret.
pub fn secure(builder: SocketBuilder<Any>, keys: &KeyArgs) -> Result<SocketBuilder<Any>, Failure> {
    let Some(file) = &keys.curve_secret else { return Ok(builder) };
    let failed = |file: &Path, error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", file.display()));
    let certificate = Certificate::load(file).map_err(|error| failed(file, &error))?;
    let secret = certificate.secret().cloned();
    let secret = secret.ok_or_else(|| failed(file, &"there is no secret key in it"))?;
    if let Some(server) = keys.curve_server_key {
        return Ok(builder.curve_client(server, secret));
    }
    let builder = builder.curve_server(secret);
    let Some(directory) = &keys.curve_clients else { return Ok(builder) };
    let store = CertificateStore::open(directory).map_err(|error| failed(directory, &error))?;
    Ok(builder.authenticator(AccessPolicy::new().certificates(store)))
}

fn keygen(args: KeygenArgs) -> Result<(), Failure> {
    let secret = new_secret_key().map_err(|error| Failure::other(error.to_string()))?;
    let public = secret.public();
    let Some(file) = args.file else {
        return say(&format!("public-key {public}\nsecret-key {}\n", *secret.to_z85()));
    };
    let add = |certificate: Certificate, (name, value)| certificate.with(name, value);
    let certificate = args.property.into_iter().try_fold(Certificate::new(secret), add);
    let certificate = certificate.map_err(|error| Failure::usage(error.to_string()))?;
    certificate.save(&file).map_err(|error| Failure::other(format!("{}: {error}", file.display())))?;
    say(&format!("{public}\n"))
}

fn public(file: Option<&Path>) -> Result<(), Failure> {
    let secret: SecretKey = match file {
        Some(file) => match Certificate::load(file) {
            Ok(certificate) => {
                let secret = certificate.secret().cloned();
                secret.ok_or_else(|| Failure::usage(format!("{} has no secret key", file.display())))?
            }
            // Perhaps it is nothing but a key.
            Err(error) => std::fs::read_to_string(file)
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| Failure::other(format!("{}: {error}", file.display())))?,
        },
        None => {
            let mut text = String::new();
            io::stdin().take(64).read_to_string(&mut text).map_err(|error| Failure::other(error.to_string()))?;
            text.trim().parse().map_err(|error| Failure::usage(format!("the input is no secret key: {error}")))?
        }
    };
    say(&format!("{}\n", secret.public()))
}

fn check(files: &[PathBuf]) -> Result<(), Failure> {
    let mut unsound = 0;
    for file in files {
        match Certificate::load(file) {
            Ok(certificate) => {
                let kind = if certificate.secret().is_some() { "secret" } else { "public" };
                say(&format!("{}: sound, {kind}, {}\n", file.display(), certificate.public()))?;
            }
            Err(error) => {
                unsound += 1;
                say(&format!("{}: {error}\n", file.display()))?;
            }
        }
    }
    if unsound > 0 {
        return Err(Failure::other(format!("{unsound} of {} are not to be used", files.len())));
    }
    Ok(())
}

fn say(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}
