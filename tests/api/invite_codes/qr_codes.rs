//! QR codes: what a camera reads is the join link.

use super::{code_path, group};
use crate::support::both_databases;
use crate::support::people::text;

/// Decodes a PNG of one bit a pixel and reads the QR code in it.
fn read(png: &[u8]) -> (usize, String) {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let side = info.width as usize;
    assert_eq!(
        (info.bit_depth, info.height as usize),
        (png::BitDepth::One, side)
    );
    let line = info.line_size;
    let is_light = |x: usize, y: usize| pixels[y * line + x / 8] >> (7 - x % 8) & 1 == 1;
    let light = |x, y| if is_light(x, y) { 255 } else { 0 };
    (side, decode(side, light))
}

fn decode(side: usize, light: impl FnMut(usize, usize) -> u8) -> String {
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, light);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

/// Draws an SVG whose dark modules are rectangles `M<left> <top>h<width>v<height>H<left>V<top>`.
fn draw(svg: &str) -> (usize, Vec<bool>) {
    let after = |text: &str, mark: &str| text.split(mark).nth(1).unwrap().to_owned();
    let view = after(svg, "viewBox=\"0 0 ");
    let side: usize = view.split(' ').next().unwrap().parse().unwrap();
    let path = after(svg, "<path fill=\"#000\" d=\"");
    let mut dark = vec![false; side * side];
    for module in path.split('"').next().unwrap().split('M').skip(1) {
        let numbers = module.split([' ', 'h', 'v', 'H', 'V']);
        let numbers: Vec<usize> = numbers.map(|number| number.parse().unwrap()).collect();
        let [left, top, width, height, back_left, back_top] = numbers[..] else {
            panic!("{module} is no rectangle");
        };
        assert_eq!((left, top), (back_left, back_top));
        for y in top..top + height {
            dark[y * side + left..][..width].fill(true);
        }
    }
    (side, dark)
}

both_databases!(both_pictures_lead_to_the_join_link, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    for group in [None, Some(seven_a.as_str())] {
        let path = code_path(&school, group);
        let code = school.admin.get(&path).await.expect_status(200);
        let link = text(&code["join_url"]);
        let svg = school.admin.get(&format!("{path}/qr")).await;
        assert_eq!(svg.status, 200);
        assert_eq!(svg.header("content-type"), "image/svg+xml");
        assert_eq!(svg.header("cache-control"), "no-store");
        let (side, dark) = draw(&svg.text);
        let light = |x: usize, y: usize| if dark[y * side + x] { 0 } else { 255 };
        assert_eq!(decode(side, light), link);
        let png = school.admin.get(&format!("{path}/qr?format=png")).await;
        assert_eq!(png.header("content-type"), "image/png");
        let (side, read) = read(&png.bytes);
        assert_eq!(read, link);
        assert!(side >= 1000, "{side}");
    }
});
