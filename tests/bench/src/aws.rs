//! A hundred `aws_ssm_parameter` against a loopback AWS API, with terraform as the peer.

use std::fmt::Write as _;
use std::path::Path;

use crate::run::{Sample, compare, median, on_path, report, run};

const COUNT: usize = 100;
/// How often each is timed; figures are medians.
const ROUNDS: usize = 3;
/// Each in a region of its own: for some calls the API walks over all that is there.
const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];
/// What the provider is set up with beside its region.
pub const PROVIDER: [(&str, &str); 3] = [
    ("skip_credentials_validation", "true"),
    ("skip_requesting_account_id", "true"),
    ("skip_metadata_api_check", "\"true\""),
];

/// Plan and apply of a hundred parameters, ours and the peer's in turn.
pub fn parameters(nixops4: &Path) {
    if std::env::var_os("AWS_ENDPOINT_URL").is_none() {
        println!("SKIPPED: aws: AWS_ENDPOINT_URL is not set");
        return;
    }
    let terraform = on_path("terraform");
    if terraform.is_none() {
        println!("no terraform on PATH: figures without a peer");
    }
    let ours = tempfile::tempdir().expect("a folder");
    let theirs = tempfile::tempdir().expect("a folder");
    std::fs::write(ours.path().join("nixops4.nix"), nix()).expect("the deployment is written");
    std::fs::write(theirs.path().join("main.tf"), hcl()).expect("the configuration is written");
    let peer = |args: &[&str]| {
        terraform
            .as_deref()
            .map(|terraform| run(terraform, args, theirs.path()))
    };
    peer(&["init"]);

    let both = |our_args: &[&str], their_args: &[&str], into: &mut Pair| {
        into.0.push(run(nixops4, our_args, ours.path()));
        into.1.extend(peer(their_args));
    };
    let plan = |what: &str, our_args: &[&str], their_args: &[&str]| {
        let mut pair = Pair::default();
        for _ in 0..ROUNDS {
            both(our_args, their_args, &mut pair);
        }
        print(what, pair);
    };
    let unrefreshed = (
        &["plan", "--refresh", "none"][..],
        &["plan", "-refresh=false", "-input=false"][..],
    );
    // Fills the schema cache: what is timed is every run but the first.
    run(nixops4, unrefreshed.0, ours.path());
    plan(
        "plan to create, 100 aws_ssm_parameter",
        unrefreshed.0,
        unrefreshed.1,
    );
    let (mut applied, mut destroyed) = (Pair::default(), Pair::default());
    for round in 1..=ROUNDS {
        let theirs = ["apply", "-auto-approve", "-input=false"];
        both(&["apply", "--yes"], &theirs, &mut applied);
        if round == ROUNDS {
            plan(
                "plan unchanged without refresh",
                unrefreshed.0,
                unrefreshed.1,
            );
            plan(
                "plan unchanged with refresh",
                &["plan"],
                &["plan", "-input=false"],
            );
        }
        let theirs = ["destroy", "-auto-approve", "-input=false"];
        both(&["destroy", "--yes"], &theirs, &mut destroyed);
    }
    print("apply, 100 aws_ssm_parameter", applied);
    print("destroy, 100 aws_ssm_parameter", destroyed);
}

/// Ours, and the peer's.
type Pair = (Vec<Sample>, Vec<Sample>);

fn print(what: &str, (ours, theirs): Pair) {
    match theirs.is_empty() {
        true => report(what, median(ours)),
        false => compare(what, median(ours), median(theirs)),
    }
}

fn nix() -> String {
    let mut text = String::from(
        "{ members, providers, ... }: {\n  providers.aws = {\n    source = \"hashicorp/aws\";\n",
    );
    let _ = writeln!(text, "    config.region = {:?};", REGIONS[0]);
    for (name, value) in PROVIDER {
        let _ = writeln!(text, "    config.{name} = {value};");
    }
    let _ = write!(
        text,
        r#"  }};
  members = builtins.listToAttrs (builtins.genList (n: {{
    name = "p${{toString n}}";
    value = {{
      type = providers.aws.aws_ssm_parameter;
      inputs = {{ name = "/ours/${{toString n}}"; type = "String"; value = "v${{toString n}}"; }};
    }};
  }}) {COUNT});
}}
"#
    );
    text
}

fn hcl() -> String {
    let mut text = String::from(
        "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n  }\n}\n\
         provider \"aws\" {\n",
    );
    let _ = writeln!(text, "  region = {:?}", REGIONS[1]);
    for (name, value) in PROVIDER {
        let _ = writeln!(text, "  {name} = {value}");
    }
    let _ = write!(
        text,
        r#"}}
resource "aws_ssm_parameter" "p" {{
  count = {COUNT}
  name  = "/theirs/${{count.index}}"
  type  = "String"
  value = "v${{count.index}}"
}}
"#
    );
    text
}
