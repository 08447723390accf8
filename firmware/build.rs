//! What the linker is told.

fn main() {
    println!("cargo:rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rerun-if-changed=memory.x");
    // Flash begins at 0, where code that was left out would seem to be.
    println!("cargo:rustc-link-arg=-zdead-reloc-in-nonalloc=.debug_*=0xffffffff");
}
