//! A flame graph of a contender, in a pass of its own: one picture, not one for each round.

use super::measure::{Stopped, load_plan, run_load};
use crate::measure::bench::{BenchServer, LaunchError, SamplingObserver, UsageSampler};
use crate::measure::compare::contender::ContenderSpec;
use crate::measure::compare::plan::Plan;
use crate::measure::compare::scenario::Scenario;
use crate::measure::load::Progress;
use crate::text::os_error;
use std::ops::ControlFlow;

/// The flame graph of the contender of `spec` under the load of `scenario`, an SVG document, or one line that says why there
/// is none.
pub(super) fn flame_graph(
    plan: &Plan,
    spec: &ContenderSpec,
    cores: Option<&[usize]>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Result<Vec<u8>, String>, Stopped> {
    let (go_on, transport) = (&mut || progress(0), scenario.pattern.transport());
    let server = match BenchServer::start(&spec.origin, transport, cores, plan.start_timeout, go_on)
    {
        Ok(server) => server,
        Err(LaunchError::Failed { reason, .. }) => {
            return Ok(Err(format!("the server did not start: {reason}")));
        }
        Err(LaunchError::Stopped) => return Err(Stopped),
    };
    let Some(pid) = server.pid() else {
        return Ok(Err("the process of the server is not known".to_owned()));
    };
    let sampler = UsageSampler::new(pid).ok();
    let mut observer = SamplingObserver::new(sampler, |it: &Progress| progress(it.per_mille));
    if let Err(error) = observer.instruments.profile(pid) {
        return Ok(Err(error.to_string()));
    }
    let load = load_plan(plan, spec, scenario, &server.address);
    let done = run_load(&load, scenario, &mut observer);
    if observer.is_stopped() {
        return Err(Stopped);
    }
    let profile = observer.instruments.take_profile();
    Ok(match (done, profile) {
        (Err(error), _) => Err(format!("the load failed: {}", os_error::describe(&error))),
        (Ok(_), None) => Err("there is no profile".to_owned()),
        (Ok(_), Some(Err(error))) => Err(error.to_string()),
        (Ok(_), Some(Ok(profile))) => profile.flame_graph(&format!("{}: {scenario}", spec.name)),
    })
}
