//! What an enrolment costs the gateway, by kind of evidence: CPU time of all its threads, and with it how many one core takes a
//! second. Simulated phones enrol through the SDK over loopback; what they spend themselves does not count.

mod threads;

use std::io::Write as _;
use std::sync::Arc;

use attest_core::device::Platform;
use attest_gateway::clock::SystemClock;
use attest_testkit::evidence::simulated::Chip;
use attest_testkit::phone::{Evidence, Phone};
use attest_testkit::policy::IOS_APP;
use attest_testkit::world::{World, WorldOptions};

use threads::{Outcome, cpu_ns};

/// As the product does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PHONES: u32 = 300;
const AT_ONCE: usize = 16;
/// Request core, appraisal and store: everything that an enrolment passes through.
const GATEWAY: [&str; 3] = ["core-", "appraisal-", "store"];

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let mut options = WorldOptions::new(Arc::new(SystemClock::new()));
    options.cores = 1;
    options.config = "[limits]\nappraisal_workers = 1\n".to_owned();
    let world = World::start(options).await?;
    let hardware = || world.hardware(Chip::TrustedEnvironment);
    let cases: [(&str, Platform, &dyn Fn() -> Evidence); 3] = [
        ("software", Platform::Android, &|| Evidence::Software),
        ("android_key, P-384", Platform::Android, &hardware),
        ("app_attest, P-384", Platform::Ios, &hardware),
    ];
    let mut out = std::io::stdout();
    writeln!(
        out,
        "one request core, one appraisal thread, {PHONES} enrolments of each kind"
    )?;
    writeln!(
        out,
        "{:<20} {:>14} {:>18}",
        "evidence", "CPU µs", "per core and s"
    )?;
    for (name, platform, evidence) in cases {
        let phones = (0..PHONES).map(|_| {
            let mut options = world.phone();
            options.platform = platform;
            options.evidence = evidence();
            if platform == Platform::Ios {
                IOS_APP.clone_into(&mut options.app);
            }
            Phone::new(options)
        });
        let phones: Vec<Phone> = phones.collect::<Result<_, _>>()?;
        let threads = threads::named(&GATEWAY)?;
        let before = cpu_ns(&threads)?;
        for some in phones.chunks(AT_ONCE) {
            let enrolling = some
                .iter()
                .cloned()
                .map(|phone| tokio::spawn(async move { phone.attestor().ready().await }));
            for enrolled in enrolling.collect::<Vec<_>>() {
                enrolled.await??;
            }
        }
        let spent = f64::from(u32::try_from((cpu_ns(&threads)? - before) / 1000)?);
        let each = spent / f64::from(PHONES);
        writeln!(out, "{name:<20} {each:>14.0} {:>18.0}", 1e6 / each)?;
    }
    world.stop().await;
    Ok(())
}
