//! Messages that others encrypted for the federation keys: a key of AES, wrapped by RSA-OAEP, and what it encrypted.
//!
//! `rsa` unwraps, blinded by randomness of the system; `ring` opens AES-GCM, and `aes` with `cbc` what has no tag.
//! Nothing here tells why something does not open: to whoever tries one message after the other, it would tell the
//! message.

use aes::cipher::block_padding::Iso10126;
use aes::cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _};
use aes::{Aes128, Aes256};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use rsa::sha2::digest::{Digest, FixedOutputReset};
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::{Oaep, PrivateKey};
use sha1::Sha1;

use super::federation_keys::FederationKeys;

/// The bytes of a nonce of AES-GCM.
const NONCE: usize = 12;
/// The bytes of a block of AES.
const BLOCK: usize = 16;

/// A hash of RSA-OAEP. Nothing there depends on collisions, so that SHA-1 serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OaepHash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How the content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCipher {
    Aes128Gcm,
    Aes256Gcm,
    Aes128Cbc,
    Aes256Cbc,
}

/// A key that encrypts the content, wrapped for somebody.
#[derive(Clone, Debug)]
pub struct WrappedKey {
    pub digest: OaepHash,
    /// The hash of its mask generation function (MGF1).
    pub mask: OaepHash,
    pub bytes: Vec<u8>,
}

/// Content, and the key to it wrapped for one or several recipients.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub keys: Vec<WrappedKey>,
    pub cipher: ContentCipher,
    /// The nonce or initialization vector, and what is encrypted (XML Encryption 1.1, 5.2).
    pub content: Vec<u8>,
}

impl Envelope {
    /// The content, where the first key of its cipher's length that one of ours unwraps opens it. Were another tried after
    /// that, whoever adds a key of their own would learn whether the first one had opened it.
    pub fn open(&self, keys: &FederationKeys) -> Option<Vec<u8>> {
        let tried = keys
            .decrypting()
            .flat_map(|own| self.keys.iter().map(move |wrapped| (own, wrapped)));
        let mut unwrapped = tried.filter_map(|(own, wrapped)| wrapped.unwrap(own));
        let key = unwrapped.find(|key| key.len() == self.cipher.key_length())?;
        self.cipher.open(&key, &self.content)
    }
}

impl ContentCipher {
    /// Whether nobody without the key can change what it encrypts unseen.
    pub fn is_authenticated(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes256Gcm)
    }

    /// The bytes of its key.
    const fn key_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Cbc => 16,
            Self::Aes256Gcm | Self::Aes256Cbc => 32,
        }
    }

    fn open(self, key: &[u8], content: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Aes128Gcm => open_gcm(&AES_128_GCM, key, content),
            Self::Aes256Gcm => open_gcm(&AES_256_GCM, key, content),
            Self::Aes128Cbc => open_cbc::<Aes128>(key, content),
            Self::Aes256Cbc => open_cbc::<Aes256>(key, content),
        }
    }
}

impl WrappedKey {
    fn unwrap(&self, key: &PrivateKey) -> Option<Vec<u8>> {
        match self.digest {
            OaepHash::Sha1 => self.unwrap_by::<Sha1>(key),
            OaepHash::Sha256 => self.unwrap_by::<Sha256>(key),
            OaepHash::Sha384 => self.unwrap_by::<Sha384>(key),
            OaepHash::Sha512 => self.unwrap_by::<Sha512>(key),
        }
    }

    fn unwrap_by<D: Digest + FixedOutputReset>(&self, key: &PrivateKey) -> Option<Vec<u8>> {
        let bytes = &self.bytes;
        let unwrapped = match self.mask {
            OaepHash::Sha1 => key.decrypt(Oaep::<D, Sha1>::new_with_mgf_hash(), bytes),
            OaepHash::Sha256 => key.decrypt(Oaep::<D, Sha256>::new_with_mgf_hash(), bytes),
            OaepHash::Sha384 => key.decrypt(Oaep::<D, Sha384>::new_with_mgf_hash(), bytes),
            OaepHash::Sha512 => key.decrypt(Oaep::<D, Sha512>::new_with_mgf_hash(), bytes),
        };
        unwrapped.ok()
    }
}

fn open_gcm(algorithm: &'static Algorithm, key: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
    let (nonce, sealed) = content.split_at_checked(NONCE)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let opened = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
    Some(opened.to_vec())
}

fn open_cbc<C: BlockCipherDecrypt + KeyInit>(key: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let (vector, blocks) = content.split_at_checked(BLOCK)?;
    let decryptor = cbc::Decryptor::<C>::new_from_slices(key, vector).ok()?;
    let mut opened = blocks.to_vec();
    // The last byte says how many are padding; the others of these may be anything (XML Encryption 1.1, 5.2.1).
    let opened = decryptor.decrypt_padded::<Iso10126>(&mut opened).ok()?;
    Some(opened.to_vec())
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockModeEncrypt as _;
    use aes::cipher::block_padding::NoPadding;
    use ring::aead::MAX_TAG_LEN;

    use super::*;

    /// Whole blocks by AES-256-CBC, behind a vector.
    fn blocks(plain: &[u8]) -> Vec<u8> {
        let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(&[7; 32], &[9; 16]).unwrap();
        let mut space = plain.to_vec();
        let sealed = encryptor.encrypt_padded::<NoPadding>(&mut space, plain.len());
        [&[9; 16][..], sealed.unwrap()].concat()
    }

    #[test]
    fn the_last_byte_of_cbc_says_how_many_to_leave_out() {
        let cipher = ContentCipher::Aes256Cbc;
        let opened = |plain: &[u8]| cipher.open(&[7; 32], &blocks(plain));
        let ending_with = |last: u8| [&[b'x'; 31][..], &[last]].concat();
        for padding in 1..=16 {
            let end = 32 - usize::from(padding);
            assert_eq!(opened(&ending_with(padding)).unwrap(), vec![b'x'; end]);
        }
        for padding in [0, 17, 32, 255] {
            assert_eq!(opened(&ending_with(padding)), None, "{padding}");
        }
        let whole = blocks(&ending_with(1));
        for length in [0, 1, 15, 16, 17, 31, 47] {
            assert_eq!(cipher.open(&[7; 32], &whole[..length]), None, "{length}");
        }
        assert_eq!(
            cipher.open(&[7; 16], &whole),
            None,
            "a key of another length"
        );
        assert_eq!(ContentCipher::Aes128Cbc.open(&[7; 32], &whole), None);
    }

    #[test]
    fn gcm_opens_nothing_that_was_changed() {
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap());
        let mut sealed = b"<x/>".to_vec();
        let nonce = Nonce::assume_unique_for_key([9; NONCE]);
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
            .unwrap();
        let content = [&[9; NONCE][..], &sealed].concat();
        assert_eq!(content.len(), NONCE + 4 + MAX_TAG_LEN);
        let cipher = ContentCipher::Aes128Gcm;
        assert_eq!(cipher.open(&[7; 16], &content).unwrap(), b"<x/>");
        for place in 0..content.len() {
            let mut changed = content.clone();
            changed[place] ^= 1;
            assert_eq!(cipher.open(&[7; 16], &changed), None);
            assert_eq!(cipher.open(&[7; 16], &content[..place]), None);
        }
        assert_eq!(
            cipher.open(&[7; 32], &content),
            None,
            "a key of another length"
        );
        assert_eq!(ContentCipher::Aes256Gcm.open(&[7; 16], &content), None);
    }
}
