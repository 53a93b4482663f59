//! The closed vocabularies of `docs/organizations.md#words`, each written the same in JSON, in the
//! database and on the command line.

/// Declares an enum whose variants are words: `as_str`, `FromStr`, `Display`, serde and schema all
/// come from the one list.
macro_rules! string_enum {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every one, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word itself.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($word),+]))
                    .description(Some(concat!($($doc),+).trim()))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::string_enum::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| {
                    $crate::domain::string_enum::UnknownWord {
                        known: Self::ALL.iter().map(|word| word.as_str()).collect(),
                    }
                })
            }
        }
    };
}
pub(crate) use string_enum;

/// A word that is not in the vocabulary.
#[derive(Debug, thiserror::Error)]
#[error("expected one of: {}", .known.join(", "))]
pub struct UnknownWord {
    /// The words that are.
    pub known: Vec<&'static str>,
}
