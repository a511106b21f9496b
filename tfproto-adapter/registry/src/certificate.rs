//! Why a server's certificate is refused, in words.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// What is wrong with a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nobody whom we trust has signed it.
    Authority,
    /// It is for other names.
    Name,
    /// It has run out, or begins later, by this machine's clock.
    Time(&'static str),
    /// Something else.
    Other(String),
}

impl Refused {
    /// Finds a refused certificate behind an error of a connection.
    pub fn behind(error: &ureq::Error) -> Option<Self> {
        let refused = match error {
            ureq::Error::Rustls(error) => error,
            ureq::Error::Io(error) => of_io(error)?,
            _ => return None,
        };
        match refused {
            rustls::Error::InvalidCertificate(error) => Some(Self::of(error)),
            _ => None,
        }
    }

    fn of(error: &CertificateError) -> Self {
        match error {
            // Somebody of a trusted name, but without the key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Authority,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::Name
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Self::Time("has expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::Time("is not valid yet")
            }
            CertificateError::Other(other) => Self::Other(words(&other.to_string())),
            other => Self::Other(words(&other.to_string())),
        }
    }

    /// What is wrong, in one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Authority => {
                "its TLS certificate is signed by no authority that is trusted here".to_owned()
            }
            Self::Name => "its TLS certificate is for another host name".to_owned(),
            Self::Time(when) => {
                format!("its TLS certificate {when}, by the clock of this machine")
            }
            Self::Other(why) => format!("its TLS certificate is refused: {why}"),
        }
    }
}

/// `CaUsedAsEndEntity` as words; the libraries have only such names for what is rare.
fn words(name: &str) -> String {
    if !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return name.to_owned();
    }
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn of_io(error: &io::Error) -> Option<&rustls::Error> {
    let mut source: Option<&(dyn Error + 'static)> = error.get_ref().map(|error| error as _);
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_refused_in_words() {
        for (error, words) in [
            (CertificateError::UnknownIssuer, "no authority"),
            (CertificateError::NotValidForName, "another host name"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "is not valid yet"),
            (CertificateError::BadEncoding, "is refused: bad encoding"),
        ] {
            let refused = rustls::Error::InvalidCertificate(error);
            let error = io::Error::new(io::ErrorKind::InvalidData, refused);
            let refused = Refused::behind(&ureq::Error::Io(error)).expect("a refused certificate");
            let said = refused.sentence();
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(Refused::behind(&ureq::Error::HostNotFound), None);
    }
}
