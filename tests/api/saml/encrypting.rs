//! What an identity provider of the tests encrypts, in canonical form as all that it writes. It encrypts by `ring` where
//! what decrypts is `ring`; `xmlsec1`, xmlseclibs and xml-encryption have made the documents of `peers`.

use aes::cipher::block_padding::Iso10126;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::{Oaep, PrivateKey, PublicKey};
use sha1::Sha1;

use super::provider::pem;

pub const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
pub const CBC_128: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
pub const CBC_256: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
pub const GCM_128: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
pub const GCM_256: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
pub const OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
pub const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";

/// How a provider encrypts.
#[derive(Clone, Copy)]
pub struct Encryption {
    pub cipher: &'static str,
    pub wrapping: &'static str,
    pub digest: Option<&'static str>,
    pub mask: Option<&'static str>,
    /// The file of the key that it is for.
    pub key: &'static str,
    /// Whether the wrapped key stands behind what it encrypts, and not within.
    pub beside: bool,
}

/// As most do that can choose.
pub const GCM: Encryption = Encryption {
    cipher: GCM_128,
    wrapping: OAEP_MGF1P,
    digest: None,
    mask: None,
    key: "other",
    beside: false,
};

/// As Entra and ADFS do.
pub const CBC: Encryption = Encryption {
    cipher: CBC_256,
    ..GCM
};

impl Encryption {
    /// An `EncryptedAssertion`.
    pub fn encrypt(&self, plain: &str) -> String {
        let content = self.content(plain.as_bytes());
        self.around(&content, &[self.wrapped(&content_key(self.cipher))])
    }

    /// An `EncryptedAssertion` around what is encrypted already, with these `EncryptedKey`s.
    pub fn around(&self, content: &[u8], keys: &[String]) -> String {
        let (inside, beside) = match self.beside {
            true => (String::new(), keys.concat()),
            false => (keys.concat(), String::new()),
        };
        let inside = match inside.as_str() {
            "" => String::new(),
            keys => format!(
                r#"<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{keys}</ds:KeyInfo>"#
            ),
        };
        // What stands behind is outside of the element that declares the prefix.
        let beside = beside.replacen(
            "<xenc:EncryptedKey>",
            r#"<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">"#,
            keys.len(),
        );
        let (cipher, value) = (self.cipher, STANDARD.encode(content));
        format!(
            r#"<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="{ELEMENT}"><xenc:EncryptionMethod Algorithm="{cipher}"></xenc:EncryptionMethod>{inside}<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>{beside}</saml:EncryptedAssertion>"#
        )
    }

    /// The `EncryptedKey` with a key of AES.
    pub fn wrapped(&self, key: &[u8]) -> String {
        let value = STANDARD.encode(self.wrap(key));
        let wrapping = self.wrapping;
        let digest = self.digest.map(|uri| {
            format!(r#"<ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="{uri}"></ds:DigestMethod>"#)
        });
        // It stands within an element that has declared the prefix.
        let digest = digest.map(|it| match self.beside {
            true => it,
            false => it.replace(r#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#""#, ""),
        });
        let mask = self.mask.map(|uri| {
            format!(r#"<xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="{uri}"></xenc11:MGF>"#)
        });
        let (digest, mask) = (digest.unwrap_or_default(), mask.unwrap_or_default());
        format!(
            r#"<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{wrapping}">{digest}{mask}</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"#
        )
    }

    fn wrap(&self, message: &[u8]) -> Vec<u8> {
        let key = PrivateKey::from_pkcs8_der(&pem(&format!("{}.key", self.key))).unwrap();
        let key = key.to_public_key();
        match hash_of(self.digest) {
            "sha1" => self.wrap_by::<Sha1>(&key, message),
            "sha256" => self.wrap_by::<Sha256>(&key, message),
            "sha384" => self.wrap_by::<Sha384>(&key, message),
            _ => self.wrap_by::<Sha512>(&key, message),
        }
    }

    fn wrap_by<D>(&self, key: &PublicKey, message: &[u8]) -> Vec<u8>
    where
        D: rsa::sha2::digest::Digest + rsa::sha2::digest::FixedOutputReset,
    {
        let random = &mut getrandom::SysRng;
        let wrapped = match hash_of(self.mask) {
            "sha1" => key.encrypt(random, Oaep::<D, Sha1>::new_with_mgf_hash(), message),
            "sha256" => key.encrypt(random, Oaep::<D, Sha256>::new_with_mgf_hash(), message),
            "sha384" => key.encrypt(random, Oaep::<D, Sha384>::new_with_mgf_hash(), message),
            _ => key.encrypt(random, Oaep::<D, Sha512>::new_with_mgf_hash(), message),
        };
        wrapped.unwrap()
    }

    /// The content, encrypted by the cipher's key of the tests.
    pub fn content(&self, plain: &[u8]) -> Vec<u8> {
        let key = content_key(self.cipher);
        match self.cipher {
            GCM_128 | GCM_256 => seal(&key, plain),
            _ => cbc(&key, plain),
        }
    }
}

/// The key of AES of the right length for a cipher.
pub fn content_key(cipher: &str) -> Vec<u8> {
    vec![7; if cipher.contains("256") { 32 } else { 16 }]
}

fn hash_of(uri: Option<&str>) -> &str {
    let (_, hash) = uri.unwrap_or("#sha1").split_once('#').unwrap();
    hash.strip_prefix("mgf1").unwrap_or(hash)
}

fn seal(key: &[u8], plain: &[u8]) -> Vec<u8> {
    let algorithm = if key.len() == 16 {
        &AES_128_GCM
    } else {
        &AES_256_GCM
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key([9; 12]);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
        .unwrap();
    [&[9; 12][..], &sealed].concat()
}

fn cbc(key: &[u8], plain: &[u8]) -> Vec<u8> {
    let vector = [9; 16];
    let mut space = plain.to_vec();
    space.resize(plain.len() + 16, 0);
    let length = plain.len();
    let sealed = match key.len() {
        16 => cbc::Encryptor::<aes::Aes128>::new_from_slices(key, &vector)
            .unwrap()
            .encrypt_padded::<Iso10126>(&mut space, length),
        _ => cbc::Encryptor::<aes::Aes256>::new_from_slices(key, &vector)
            .unwrap()
            .encrypt_padded::<Iso10126>(&mut space, length),
    };
    [&vector[..], sealed.unwrap()].concat()
}
