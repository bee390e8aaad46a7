//! The boxes of CURVE: Curve25519, XSalsa20 and Poly1305, as NaCl's `crypto_box` and `crypto_secretbox`.
//!
//! What seals and opens is `monocoque-secretbox`; it is held against libsodium below.

use monocoque_secretbox::{LaneKey, TAG_BYTES, hsalsa20};
use subtle::ConstantTimeEq;
use x25519_dalek::x25519;
use zeroize::Zeroizing;

use super::keys::{KEY_BYTES, PublicKey, SecretKey};

/// A key of `crypto_secretbox`, or what two key pairs agree on.
pub(crate) struct BoxKey(Zeroizing<[u8; KEY_BYTES]>);

impl BoxKey {
    pub(crate) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What `secret` and `public` agree on; `None` if `public` is one of the few points that agree with all alike.
    pub(crate) fn agree(secret: &SecretKey, public: &PublicKey) -> Option<Self> {
        let shared = Zeroizing::new(x25519(*secret.expose(), *public.as_bytes()));
        if bool::from(shared.ct_eq(&[0; KEY_BYTES])) {
            return None;
        }
        Some(Self(hsalsa20(&shared, &[0; 16])))
    }

    /// The key for nonces that begin with `prefix`.
    pub(crate) fn lane(&self, prefix: &[u8; 16]) -> LaneKey {
        LaneKey::new(&self.0, prefix)
    }

    /// A box of `plain` for a nonce in its two parts.
    pub(crate) fn seal(&self, nonce: &[u8; 24], plain: &[u8]) -> Vec<u8> {
        let (lane, rest) = self.split(nonce);
        let mut sealed = Vec::with_capacity(TAG_BYTES + plain.len());
        sealed.extend_from_slice(&[0; TAG_BYTES]);
        sealed.extend_from_slice(plain);
        let tag = lane.seal(rest, &mut sealed[TAG_BYTES..]);
        sealed[..TAG_BYTES].copy_from_slice(&tag);
        sealed
    }

    /// What is in a box, if it was sealed with this key and nonce and is whole.
    pub(crate) fn open(&self, nonce: &[u8; 24], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (lane, rest) = self.split(nonce);
        let (tag, contents) = sealed.split_first_chunk::<TAG_BYTES>()?;
        let mut plain = Zeroizing::new(contents.to_vec());
        lane.open(rest, tag, &mut plain).then_some(plain)
    }

    fn split(&self, nonce: &[u8; 24]) -> (LaneKey, u64) {
        let (prefix, rest) = nonce.split_first_chunk::<16>().expect("24 bytes");
        (self.lane(prefix), u64::from_be_bytes(rest.try_into().expect("8 bytes")))
    }
}

#[cfg(test)]
mod tests {
    //! The expected boxes are libsodium's: `tests/vectors/curve.py` prints them.

    use super::*;

    fn secret(first: u8) -> SecretKey {
        SecretKey::from_bytes(std::array::from_fn(|at| first + at as u8))
    }

    fn nonce(front: &[u8], back: &[u8]) -> [u8; 24] {
        [front, back].concat().try_into().expect("24 bytes")
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    const COUNTED: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    #[test]
    fn a_hello_is_libsodiums() {
        let key = BoxKey::agree(&secret(64), &secret(32).public()).expect("usable");
        let sealed = key.seal(&nonce(b"CurveZMQHELLO---", &1u64.to_be_bytes()), &[0; 64]);
        assert_eq!(hex(&sealed), HELLO);
    }

    #[test]
    fn a_vouch_is_libsodiums() {
        let key = BoxKey::agree(&secret(0), &secret(96).public()).expect("usable");
        let vouched = [*secret(64).public().as_bytes(), *secret(32).public().as_bytes()].concat();
        assert_eq!(hex(&key.seal(&nonce(b"VOUCH---", &COUNTED), &vouched)), VOUCH);
    }

    #[test]
    fn a_cookie_is_libsodiums() {
        let kept = [*secret(64).public().as_bytes(), *secret(96).expose()].concat();
        let sealed = BoxKey::from_bytes([7; 32]).seal(&nonce(b"COOKIE--", &COUNTED), &kept);
        assert_eq!(hex(&sealed), COOKIE);
    }

    #[test]
    fn messages_are_libsodiums_whatever_their_length() {
        let key = BoxKey::agree(&secret(64), &secret(96).public()).expect("usable");
        let lane = key.lane(b"CurveZMQMESSAGEC");
        for (size, wanted) in MESSAGES {
            let mut contents: Vec<u8> = std::iter::once(0).chain((0..size).map(|at| (at % 251) as u8)).collect();
            let tag = lane.seal(size as u64 + 3, &mut contents);
            assert_eq!(hex(&tag) + &hex(&contents), wanted, "{size} bytes");
        }
    }

    #[test]
    fn a_box_that_was_changed_anywhere_does_not_open() {
        let (key, nonce) = (BoxKey::from_bytes([7; 32]), [9; 24]);
        let sealed = key.seal(&nonce, b"contents");
        assert_eq!(key.open(&nonce, &sealed).as_deref().map(Vec::as_slice), Some(&b"contents"[..]));
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&nonce, &changed).is_none(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(key.open(&nonce, &sealed[..len]).is_none(), "{len} bytes");
        }
    }

    #[test]
    fn a_point_that_agrees_with_everyone_is_refused() {
        assert!(BoxKey::agree(&secret(0), &PublicKey::from_bytes([0; 32])).is_none());
    }

    const HELLO: &str = "d2013374b1a866c848fd786e6e959ee71f2dced44ec628e69e070d0caf5e6e0b0c0e9cd6818cc9e36eb2d0fe09b7cf82c034924e36cf7e3f38212f11857863a89be1997c57fff230eb1d4d9abc69f54f";
    const VOUCH: &str = "cc7e5ac798f98ac6b468aba7365ebbf6a6a51bbc9b16bfea6df6bdbc87c4f5b91b8eef0c2dd53897cfd63d4763a07161850df1daf99fe545a35f2e48c1f51ac557c94fc3648324856951fa295bcd16dd";
    const COOKIE: &str = "5248f7409da741563a1a1fca6a24aa1a1857b9616bceb46ef2442fedce8262c7a013f1daef19eb3e2f653e486fa8b47fea02234f23eca2a80ed1c3eff3a9c6f98bd75d0bb4cb6dd05f74f67c54e748c5";
    const MESSAGES: [(usize, &str); 6] = [
        (0, "0302b808bbda8e3855848bd19c521a7421"),
        (1, "47f76a6b7eb796520f8dd2244a94227f73e5"),
        (31, "582665646e3d8c7d07c10a0cbb7a13b4490c80522c192be720d392068466597e5bb2f25cd5d63c4252f381b1fd88517d"),
        (32, "dfb5cfca8f855197a779a6f3c452838f457b7bbc1a3b50768abcb68a5479dcfbba082ea11b3ac12cadcdea70f7394b0d0f"),
        (33, "3e6a78fb475d23011ba73ea9ab6ddb0ac44519c25d66a2774fcd4ef073322efacfcc11f23f389879d7b3aa071797c270e01b"),
        (
            64,
            "d4c15e7b28d2cfd0d8bdb1a612f407508cf4b9208dade0af22b930ad1f81f6a50240b358a721281eed78c11a9c735c1ea2390018db283be3de58df248c114ca04c0bb5c3a97d69f051bf968e507fbfa135",
        ),
    ];
}
