//! The errors of rustls, which sqlx passes on as they are.

use std::error::Error as StdError;

use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};

use super::Fault;

pub(super) fn fault(error: &(dyn StdError + 'static)) -> Option<Fault> {
    Some(match error.downcast_ref::<Error>()? {
        Error::InvalidCertificate(certificate) => server_certificate(certificate),
        Error::AlertReceived(alert) => alerted(*alert),
        Error::InconsistentKeys(_) => Fault::OtherKey,
        Error::PeerIncompatible(_) => Fault::NothingInCommon,
        _ => Fault::Other,
    })
}

fn server_certificate(error: &Certificate) -> Fault {
    match error {
        Certificate::Expired | Certificate::ExpiredContext { .. } => Fault::ServerExpired,
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            Fault::ServerNotYetValid
        }
        // A CA of the same name with another key has signed it.
        Certificate::UnknownIssuer | Certificate::BadSignature => Fault::ServerUnknownIssuer,
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            Fault::ServerOtherName
        }
        _ => Fault::ServerOther,
    }
}

/// What the server says of the client.
fn alerted(alert: Alert) -> Fault {
    match alert {
        Alert::CertificateExpired => Fault::ClientExpired,
        Alert::UnknownCA => Fault::ClientUnknownIssuer,
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateUnknown
        | Alert::CertificateRequired
        | Alert::DecryptError
        | Alert::AccessDenied => Fault::ClientOther,
        Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            Fault::NothingInCommon
        }
        _ => Fault::Other,
    }
}
