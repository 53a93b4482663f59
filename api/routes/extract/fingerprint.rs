//! The fingerprint of a request: everything that it asks, in 32 bytes.

use crate::crypto::digest::{Digest, Sha256, sha256};

/// The digest of a form by its fields. The bytes of a form differ each time that it is sent, since
/// its boundary does; what it says is the same, in whatever order.
#[derive(Default)]
pub struct FormDigest {
    fields: Vec<Digest>,
}

/// The digest of one field as its value arrives.
pub struct FieldDigest(Sha256);

impl FormDigest {
    /// Begins a field.
    pub fn field(name: &str) -> FieldDigest {
        let mut context = Sha256::new();
        context.update(&sha256(name.as_bytes()));
        FieldDigest(context)
    }

    /// Takes a field whose value has arrived.
    pub fn add(&mut self, field: FieldDigest) {
        self.fields.push(field.0.finish());
    }

    /// Of the whole form.
    pub fn finish(mut self) -> Digest {
        self.fields.sort_unstable();
        sha256(&self.fields.concat())
    }
}

impl FieldDigest {
    /// Takes a piece of the value.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }
}

/// Of a request by its method, its path with the query, and its body's digest.
pub fn of_request(method: &str, target: &str, body: &Digest) -> Digest {
    let parts = [sha256(method.as_bytes()), sha256(target.as_bytes()), *body];
    sha256(&parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &[&str])]) -> Digest {
        let mut form = FormDigest::default();
        for (name, pieces) in fields {
            let mut field = FormDigest::field(name);
            for piece in *pieces {
                field.update(piece.as_bytes());
            }
            form.add(field);
        }
        form.finish()
    }

    #[test]
    fn a_form_is_its_fields_in_whatever_order_and_pieces() {
        let one = form(&[("file", &["a,b\n", "c"]), ("type", &["x"])]);
        assert_eq!(one, form(&[("type", &["x"]), ("file", &["a,", "b\nc"])]));
        for other in [
            form(&[("file", &["a,b\n", "c"]), ("type", &["y"])]),
            form(&[("file", &["a,b\n", "c"]), ("kind", &["x"])]),
            form(&[("file", &["a,b\n", "c"])]),
            form(&[
                ("file", &["a,b\n", "c"]),
                ("type", &["x"]),
                ("type", &["x"]),
            ]),
            form(&[("file", &["a,b\n", "c"]), ("typ", &["ex"])]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn method_path_and_body_are_told_apart() {
        let body = sha256(b"{}");
        let one = of_request("POST", "/v1/x", &body);
        assert_ne!(one, of_request("POST", "/v1/x?a=b", &body));
        assert_ne!(one, of_request("PUT", "/v1/x", &body));
        assert_ne!(one, of_request("POST", "/v1/x", &sha256(b"{ }")));
        assert_ne!(one, of_request("POST/v1", "/x", &body));
    }
}
