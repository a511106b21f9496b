# A NixOps4 deployment: objects, wired together in the Nix language.
#
#   nixops4 plan      shows what would change
#   nixops4 apply     changes it, and remembers what it did in nixops4.state
#   nixops4 destroy   deletes it again
{ members, providers, ... }:
{
  # Where resources come from. The local provider is built in. Terraform and OpenTofu providers are
  # used as they are:
  #
  #   providers.aws = {
  #     source = "hashicorp/aws";
  #     version = "~> 5.0";
  #     config.region = "eu-central-1";
  #   };
  providers.local = { };

  # A resource has a type and inputs.
  members.greeting = {
    type = providers.local.file;
    inputs = {
      name = "greeting.txt";
      contents = "Hello from NixOps4\n";
    };
  };

  # Whatever reads an output of another resource comes after it; nothing has to be declared.
  members.listing = {
    type = providers.local.exec;
    inputs = {
      executable = "wc";
      args = [ "-c" members.greeting.outputs.path ];
      # Again only where an input changes; without this, at every apply.
      once = true;
    };
  };

  # Members can have members.
  #
  #   members.web.members = builtins.listToAttrs (map
  #     (name: { inherit name; value = { type = …; inputs = { … }; }; })
  #     [ "one" "two" ]);
}
