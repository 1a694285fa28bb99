//! The same image as a Dockerfile, for whoever has a builder and no mlstack.

use super::{Image, PORT, Parts, USER};

impl Image {
    /// A Dockerfile and the tars it adds, by file name. What it builds holds the same files and settings; its digest
    /// is the builder's own.
    pub fn dockerfile(&self) -> Vec<(String, Parts)> {
        let tars: Vec<(String, Parts)> = self
            .layers
            .iter()
            .map(|layer| (format!("{}.tar", layer.name), layer.tar.clone()))
            .collect();
        let adds: String = tars.iter().map(|(name, _)| format!("ADD {name} /\n")).collect();
        let command = serde_json::to_string(&self.command).expect("texts can be written as JSON");
        let text = format!(
            "FROM scratch\n{adds}USER {USER}:{USER}\nEXPOSE {PORT}\nSTOPSIGNAL SIGTERM\n\
             HEALTHCHECK CMD [\"/app/mlstack-server\", \"healthcheck\"]\n\
             ENTRYPOINT [\"/app/mlstack-server\"]\nCMD {command}\n"
        );
        let mut files = vec![("Dockerfile".to_owned(), Parts::bytes(text.into_bytes()))];
        files.extend(tars);
        files
    }
}
