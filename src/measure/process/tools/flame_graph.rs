//! The samples of a profile as a flame graph: a frame for each function, as wide as its share of the samples, above the
//! function that called it.

use super::profiler::{Profile, SAMPLES_PER_SECOND};
use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options as FolderOptions};
use inferno::flamegraph::color::{MultiPalette, Palette};
use inferno::flamegraph::{self, Options};

impl Profile {
    /// An SVG document that a browser can zoom and search. It shows the kernel in orange, C++ and Rust in yellow, C in
    /// red.
    ///
    /// # Errors
    ///
    /// There is no sample. The error is one line of text.
    pub fn flame_graph(&self, title: &str) -> Result<Vec<u8>, String> {
        let mut folding = FolderOptions::default();
        folding.annotate_kernel = true;
        folding.nthreads = 1;
        let mut stacks = Vec::new();
        let folded = Folder::from(folding).collapse(self.samples.as_bytes(), &mut stacks);
        folded.map_err(|error| format!("cannot read the samples of perf: {error}"))?;
        let stacks = String::from_utf8_lossy(&stacks);
        if stacks.is_empty() {
            return Err(
                "perf took no sample: the server used hardly any processor time".to_owned(),
            );
        }
        let mut options = Options::default();
        title.clone_into(&mut options.title);
        options.subtitle = Some(format!(
            "share of its processor time, in {SAMPLES_PER_SECOND} samples a second; orange: the kernel"
        ));
        options.colors = Palette::Multi(MultiPalette::Java);
        options.deterministic = true;
        let mut graph = Vec::new();
        let stacks = stacks.lines().map(without_thread);
        let drawn = flamegraph::from_lines(&mut options, stacks, &mut graph);
        drawn.map_err(|error| format!("cannot draw the flame graph: {error}"))?;
        Ok(graph)
    }
}

/// A stack begins with the name of its thread, by which the same function would have a frame for each thread.
fn without_thread(stack: &str) -> &str {
    stack.split_once(';').map_or(stack, |(_, frames)| frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: &str = "\
mio-echo  42 1.000000: cpu-clock:ppp: 
\tffffffff82010ddb tcp_sendmsg+0x2b ([kernel.kallsyms])
\t          10ab59 __send+0x19 (/usr/lib/libc.so.6)
\t          2ee144 mio_echo::server::event_loop::run<T>+0x24 (/usr/bin/mio-echo)

connection 7  43 1.002000: cpu-clock:ppp: 
\t          10ab59 __send+0x19 (/usr/lib/libc.so.6)
\t          2ee144 mio_echo::server::event_loop::run<T>+0x24 (/usr/bin/mio-echo)

";

    fn graph(samples: &str) -> Result<String, String> {
        let samples = samples.to_owned();
        let graph = Profile { samples }.flame_graph("a <title>")?;
        Ok(String::from_utf8(graph).unwrap())
    }

    #[test]
    fn a_function_has_a_frame_with_its_share_of_the_samples() {
        let svg = graph(SAMPLES).unwrap();
        for part in [
            "a &lt;title&gt;",
            "tcp_sendmsg (1 samples, 50.00%)",
            "__send (2 samples, 100.00%)",
            "mio_echo::server::event_loop::run",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn a_profile_without_a_sample_is_an_error() {
        let error = graph("").unwrap_err();
        assert!(error.contains("no sample"), "{error}");
    }
}
