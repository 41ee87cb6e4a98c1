//! Compiles the protobuf files without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(
        ["causeway/v1/session.proto", "causeway/v1/peer.proto"],
        ["proto"],
    )?;
    tonic_prost_build::configure()
        // Its `connect` would meet the method of that name.
        .build_transport(false)
        // Ordered, so that the same value gives the same bytes.
        .btree_map(".")
        .compile_fds(files)?;
    Ok(())
}
