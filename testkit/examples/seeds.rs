//! Writes the seeds of the fuzz targets that the scripts give: `cargo run -p testkit --example seeds`.
//! Files that are there already stay.

use std::path::Path;

use testkit::conformance::SCRIPTS;
use testkit::fuzz::seeds::seeds;
use testkit::script::load;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scripts = load(Path::new(SCRIPTS))?;
    for (target, files) in seeds(&scripts) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        println!("{target}: {} seeds", files.len());
        for (name, bytes) in files {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
