# Cloud objects and a local file in one graph. The order follows from who reads whose outputs.
{ members, providers, ... }:
let
  settings = import ./settings.nix;
in
{
  providers.local = { };
  providers.aws = {
    source = "hashicorp/aws";
    config = {
      region = "eu-central-1";
      # The demonstration talks to an imitation of AWS on this machine.
      skip_credentials_validation = true;
      skip_requesting_account_id = true;
      skip_metadata_api_check = "true";
      s3_use_path_style = true;
    };
  };

  members.vpc = {
    type = providers.aws.aws_vpc;
    inputs = {
      cidr_block = "10.0.0.0/16";
      tags.Name = settings.name;
    };
  };

  members.subnet = {
    type = providers.aws.aws_subnet;
    inputs = {
      vpc_id = members.vpc.outputs.id;
      cidr_block = "10.0.1.0/24";
    };
  };

  members.parameter = {
    type = providers.aws.aws_ssm_parameter;
    inputs = {
      name = settings.parameter;
      type = "String";
      value = "subnet ${members.subnet.outputs.id}";
    };
  };

  members.bucket = {
    type = providers.aws.aws_s3_bucket;
    inputs.bucket = "nixops4-demo";
  };

  members.note = {
    type = providers.local.file;
    inputs = {
      name = "inventory.txt";
      contents = ''
        vpc        ${members.vpc.outputs.id}
        subnet     ${members.subnet.outputs.id}
        parameter  ${members.parameter.outputs.arn}
        bucket     ${members.bucket.outputs.arn}
      '';
    };
  };
}
