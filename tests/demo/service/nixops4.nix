# Objects of a service, through a provider plugin, and a local file in one graph. The order follows
# from who reads whose outputs.
{ members, providers, ... }:
let
  settings = import ./settings.nix;
in
{
  providers.local = { };
  providers.demo = {
    source = "example/demo";
    config.directory = settings.directory;
  };

  members.network = {
    type = providers.demo.demo_network;
    inputs = {
      cidr = "10.0.0.0/16";
      name = settings.name;
    };
  };

  members.hosts.members = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = {
        type = providers.demo.demo_host;
        inputs = {
          network_id = members.network.outputs.id;
          inherit name;
          password = "open sesame";
        };
      };
    }) [ "one" "two" ]
  );

  members.backup = {
    type = providers.demo.demo_network;
    inputs.cidr = settings.backup;
  };

  members.note = {
    type = providers.local.file;
    inputs = {
      name = "inventory.txt";
      contents = ''
        network  ${members.network.outputs.id}, gateway ${members.network.outputs.gateway}
        backup   ${members.backup.outputs.id}
        one      ${members.hosts.members.one.outputs.address}
        two      ${members.hosts.members.two.outputs.address}
      '';
    };
  };
}
