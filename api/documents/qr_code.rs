//! QR codes (ISO/IEC 18004) of links, for screens and for print.

use qrcode::render::svg;
use qrcode::types::QrError;
use qrcode::{Color, EcLevel};

/// The modules of a QR code, the quiet zone around them included.
#[derive(Clone, Debug)]
pub struct QrCode {
    /// Row after row; `true` is dark.
    modules: Vec<bool>,
    /// How many modules a row has.
    side: usize,
    /// A drawing that can be of any size.
    svg: String,
}

/// How many light modules the standard wants around a code.
const QUIET_ZONE: usize = 4;

/// A picture has at least so many pixels a side: 8 cm at 300 dpi.
const LEAST_PIXELS: usize = 1000;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum QrCodeError {
    #[error("the text does not fit into a QR code: {0}")]
    TooLong(QrError),
    #[error("the picture cannot be written: {0}")]
    Picture(#[from] png::EncodingError),
}

impl QrCode {
    /// The code of a text, of which a sixth may be smudged.
    ///
    /// # Errors
    /// Where the text is too long.
    pub fn of(text: &str) -> Result<Self, QrCodeError> {
        let code = qrcode::QrCode::with_error_correction_level(text, EcLevel::M)
            .map_err(QrCodeError::TooLong)?;
        let svg = drawing_of(&code);
        let (width, colors) = (code.width(), code.into_colors());
        let side = width + 2 * QUIET_ZONE;
        let mut modules = vec![false; side * QUIET_ZONE];
        for row in colors.chunks(width) {
            modules.extend([false; QUIET_ZONE]);
            modules.extend(row.iter().map(|color| *color == Color::Dark));
            modules.extend([false; QUIET_ZONE]);
        }
        modules.resize(side * side, false);
        Ok(Self { modules, side, svg })
    }

    /// As a drawing that can be of any size (SVG 1.1).
    pub fn to_svg(&self) -> &str {
        &self.svg
    }

    /// As a picture that is large enough to print: black and white, one bit a pixel.
    ///
    /// # Errors
    /// Where the encoder fails.
    pub fn to_png(&self) -> Result<Vec<u8>, QrCodeError> {
        let scale = LEAST_PIXELS.div_ceil(self.side);
        let pixels = self.side * scale;
        let mut data = Vec::with_capacity(pixels * pixels.div_ceil(8));
        for row in self.modules.chunks(self.side) {
            let line = bits(
                row.iter()
                    .flat_map(|is_dark| std::iter::repeat_n(!is_dark, scale)),
            );
            for _ in 0..scale {
                data.extend_from_slice(&line);
            }
        }
        let side = u32::try_from(pixels).unwrap_or(u32::MAX);
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&data)?;
        writer.finish()?;
        Ok(file)
    }
}

fn drawing_of(code: &qrcode::QrCode) -> String {
    code.render::<svg::Color<'_>>()
        .min_dimensions(512, 512)
        .build()
}

/// Eight a byte, the first in the highest bit, the last byte filled up.
fn bits(pixels: impl Iterator<Item = bool>) -> Vec<u8> {
    let pixels: Vec<bool> = pixels.collect();
    let byte = |eight: &[bool]| {
        let bits = eight.iter().zip([128_u8, 64, 32, 16, 8, 4, 2, 1]);
        bits.filter(|(is_light, _)| **is_light)
            .map(|(_, bit)| bit)
            .sum()
    };
    pixels.chunks(8).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_zone_is_around_it() {
        let code = QrCode::of("http://localhost:3000/join?code=ABCDE-FGHJK").unwrap();
        let side = code.side;
        let is_dark = |x: usize, y: usize| code.modules[y * side + x];
        for along in 0..side {
            for deep in (0..QUIET_ZONE).chain(side - QUIET_ZONE..side) {
                assert!(!is_dark(along, deep) && !is_dark(deep, along));
            }
        }
        // A finder pattern stands in three of the corners.
        assert!(is_dark(4, 4) && is_dark(side - 5, 4) && is_dark(4, side - 5));
        assert_eq!(code.modules.len(), side * side);
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        assert!(QrCode::of(&"long ".repeat(1000)).is_err());
    }

    #[test]
    fn the_bits_of_a_line_fill_bytes() {
        assert_eq!(bits([true, false, true].into_iter()), [0b1010_0000]);
        assert_eq!(bits([true; 9].into_iter()), [0xff, 0x80]);
    }
}
