//! Certificates, made for one test.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd, generate_simple_self_signed,
};

/// A CA that nobody knows but who is given its certificate.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// In PEM.
    pub(super) certificate: String,
}

/// A certificate with its key, in PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Whether a certificate counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Validity {
    Valid,
    Expired,
    NotYet,
}

impl Authority {
    pub(super) fn new(name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self {
            issuer,
            certificate,
        })
    }

    /// Certifies a server that clients reach by these names and addresses.
    pub(super) fn server(&self, names: &[&str], validity: Validity) -> anyhow::Result<Identity> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names)?;
        self.certify(params, ExtendedKeyUsagePurpose::ServerAuth, validity)
    }

    /// Certifies a client that is this user.
    pub(super) fn client(&self, user: &str, validity: Validity) -> anyhow::Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        self.certify(params, ExtendedKeyUsagePurpose::ClientAuth, validity)
    }

    /// Certifies a server by itself.
    pub(super) fn itself(names: &[&str]) -> anyhow::Result<Identity> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
        Ok(Identity {
            certificate: cert.pem(),
            key: signing_key.serialize_pem(),
        })
    }

    fn certify(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
        validity: Validity,
    ) -> anyhow::Result<Identity> {
        let (from, until) = match validity {
            Validity::Valid => (2020, 2200),
            Validity::Expired => (2020, 2021),
            Validity::NotYet => (2199, 2200),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}
