# The names of all tests that fail, with what they gave; empty when all is well.
let
  m = import ../. { };
  inherit (m) lib;
  inherit (lib) mkForce mkIf mkDefault;

  # Outputs of members that exist in these tests.
  outputsOf =
    path:
    {
      vpc.id = "vpc-1";
      "net.vpc".id = "vpc-2";
    }
    .${lib.concatStringsSep "." path};

  load =
    root:
    m.load {
      inherit root outputsOf;
      resourceProviderSystem = "x86_64-linux";
    };
  member = name: c: c.members.${name}._component;
  inputs = name: root: (member name (load root)).resource.inputs;
  fails = expr: {
    expr = (builtins.tryEval (builtins.deepSeq expr expr)).success;
    expected = false;
  };

  typed = {
    resourceTypes.thing = {
      requireState = false;
      inputs =
        { lib, ... }:
        {
          options.name = lib.mkOption { type = lib.types.str; };
          options.size = lib.mkOption {
            type = lib.types.int;
            default = 3;
          };
        };
      outputs.options.id = lib.mkOption { type = lib.types.str; };
    };
    executable = "thing-provider";
  };
  withTyped = more: [
    { providers.p = typed; }
    more
  ];
  manual = {
    resourceType = "t";
    provider.executable = "exe";
  };

  tests = {
    typedInputsHaveDefaults = {
      expr = inputs "a" (
        withTyped (
          { providers, ... }:
          {
            members.a = {
              type = providers.p.thing;
              inputs.name = "n";
            };
          }
        )
      );
      expected = {
        name = "n";
        size = 3;
      };
    };
    typedInputsAreChecked = fails (
      inputs "a" (
        withTyped (
          { providers, ... }:
          {
            members.a = {
              type = providers.p.thing;
              inputs.name = 1;
            };
          }
        )
      )
    );
    typedInputNamesAreChecked = fails (
      inputs "a" (
        withTyped (
          { providers, ... }:
          {
            members.a = {
              type = providers.p.thing;
              inputs.nam = "n";
            };
          }
        )
      )
    );
    version0 = {
      expr =
        (m.mkRoot {
          modules = withTyped (
            { providers, members, ... }:
            {
              members.s = {
                type = providers.p.thing;
                inputs.name = "s";
              };
              members.g.members.a = {
                type = providers.p.thing;
                state = members.s;
                inputs.name = "n ${members.s.outputs.id}";
              };
            }
          );
        }).rootFunction
          {
            resourceProviderSystem = "x";
            outputValues.s.id = "i";
          };
      expected.members = {
        s.resource = {
          provider = {
            type = "stdio";
            executable = "thing-provider";
            args = [ ];
          };
          type = "thing";
          inputs = {
            name = "s";
            size = 3;
          };
          outputsSkeleton.id = { };
          state = null;
        };
        g.members.a.resource = {
          provider = {
            type = "stdio";
            executable = "thing-provider";
            args = [ ];
          };
          type = "thing";
          inputs = {
            name = "n i";
            size = 3;
          };
          outputsSkeleton.id = { };
          state = [ "s" ];
        };
      };
    };
    readsVersion0 = {
      expr =
        let
          c = load {
            _type = "nixops4Component";
            rootFunction =
              { outputValues, ... }:
              {
                members.vpc.resource = {
                  provider = {
                    executable = "e";
                    type = "stdio";
                    args = [ ];
                  };
                  type = "t";
                  inputs.a = 1;
                  outputsSkeleton.id = { };
                  state = null;
                };
                members.g.members.b.resource = {
                  provider = {
                    executable = "e";
                    type = "stdio";
                    args = [ ];
                  };
                  type = "t";
                  inputs.a = outputValues.vpc.id;
                  outputsSkeleton = { };
                  state = [ "vpc" ];
                };
              };
          };
          b = member "b" (member "g" c);
        in
        [
          b.path
          b.resource.inputs
          b.state
          b.resource.instance.program
        ];
      expected = [
        [
          "g"
          "b"
        ]
        { a = "vpc-1"; }
        { handler = [ "vpc" ]; }
        {
          kind = "stdio";
          executable = "e";
          args = [ ];
        }
      ];
    };
    openInputsMerge = {
      expr = inputs "a" [
        {
          members.a = manual // {
            inputs = {
              tags.Name = "x";
              rules = [ { port = 1; } ];
              force = 1;
              weak = mkDefault 1;
              absent = mkIf false 1;
              same = "s";
            };
          };
        }
        {
          members.a.inputs = {
            tags.Other = "y";
            rules = [ { port = mkIf true 2; } ];
            force = mkForce 2;
            weak = 2;
            same = "s";
          };
        }
      ];
      expected = {
        tags = {
          Name = "x";
          Other = "y";
        };
        rules = [
          { port = 1; }
          { port = 2; }
        ];
        force = 2;
        weak = 2;
        absent = null;
        same = "s";
      };
    };
    openInputsConflict = fails (
      inputs "a" [
        { members.a = manual // { inputs.x = 1; }; }
        { members.a.inputs.x = 2; }
      ]
    );
    openInputsAreLazy = {
      expr =
        (inputs "a" [
          { members.a = manual // { inputs.x = 1; inputs.y = throw "no"; inputs.l = [ (throw "no") 2 ]; }; }
          { members.a.inputs.z = 1; }
        ]).x;
      expected = 1;
    };
    nestedSeeEnclosingProviders = {
      expr =
        let
          c = load (
            { providers, ... }:
            {
              providers.p = typed;
              providers.q.executable = "outer-q";
              members.g =
                { providers, ... }:
                {
                  providers.q = typed // { executable = "inner-q"; };
                  members.a.type = providers.p.thing;
                  members.b.type = providers.q.thing;
                  members.deep =
                    { providers, ... }:
                    {
                      members.c.type = providers.q.thing;
                    };
                };
            }
          );
          g = member "g" c;
          instance = c: [
            c.resource.instance.path
            c.resource.instance.name
            c.resource.instance.program.executable
          ];
        in
        map instance [
          (member "a" g)
          (member "b" g)
          (member "c" (member "deep" g))
        ];
      expected = [
        [ [ ] "p" "thing-provider" ]
        [ [ "g" ] "q" "inner-q" ]
        [ [ "g" ] "q" "inner-q" ]
      ];
    };
    providerKinds = {
      expr =
        let
          kind =
            name: p:
            (load { providers.${name} = p; }).providerInstances.${name}.program;
        in
        [
          (kind "aws" {
            source = "hashicorp/aws";
            version = "~> 5";
          })
          (kind "x" { executable = "/nix/store/terraform-provider-x_v1"; }).kind
          (kind "x" { executable = "/bin/x"; }).kind
          (kind "local" { }).kind
          (kind "local" { executable = "/bin/local"; }).kind
          (kind "x" {
            executable = "/bin/x";
            type = "tfplugin";
          }).kind
        ];
      expected = [
        {
          kind = "tfplugin";
          executable = null;
          source = "hashicorp/aws";
          version = "~> 5";
        }
        "tfplugin"
        "stdio"
        "local"
        "stdio"
        "tfplugin"
      ];
    };
    providerLimits = {
      expr =
        let
          limits = p: (load { providers.p = p // { source = "a/b"; }; }).providerInstances.p.limits;
        in
        [
          (limits { })
          (limits {
            concurrency = 4;
            rateLimit.calls = 10;
            timeouts.plan = 1.5;
          })
        ];
      expected = [
        {
          concurrency = null;
          rateLimit = null;
          timeouts = {
            apply = null;
            plan = null;
            start = null;
          };
        }
        {
          concurrency = 4;
          rateLimit = {
            calls = 10;
            perSeconds = 1;
          };
          timeouts = {
            apply = null;
            plan = 1.5;
            start = null;
          };
        }
      ];
    };
    providerConfigMerges = {
      expr =
        (load [
          {
            providers.aws = {
              source = "hashicorp/aws";
              config.region = "a";
            };
          }
          { providers.aws.config.region = mkForce "b"; }
          { providers.aws.config.tags.x = 1; }
        ]).providerInstances.aws.config;
      expected = {
        region = "b";
        tags.x = 1;
      };
    };
    providersAsModules = {
      expr =
        (load {
          providers.a =
            { lib, resourceProviderSystem, ... }:
            {
              _class = "nixops4Provider";
              executable = resourceProviderSystem;
            };
          providers.b = {
            _class = "nixops4Provider";
            imports = [ { config.executable = "b"; } ];
          };
        }).providerInstances.a.program.executable;
      expected = "x86_64-linux";
    };
    outputsOfMembers = {
      expr = inputs "a" (
        { members, ... }:
        {
          members.vpc = manual;
          members.net = { members, ... }: {
            members.vpc = manual;
            outputs.both = members.vpc.outputs.id;
          };
          members.a = manual // {
            inputs.x = members.vpc.outputs.id;
            inputs.y = members.net.members.vpc.outputs.id;
            inputs.z = members.net.outputs.both;
          };
        }
      );
      expected = {
        x = "vpc-1";
        y = "vpc-2";
        z = "vpc-2";
      };
    };
    absentMembers = {
      expr = builtins.attrNames ((m.mkRoot {
        modules = [ { members.a = mkIf false manual; members.b = manual; } ];
      }).rootFunction { }).members;
      expected = [ "b" ];
    };
    settings = {
      expr =
        let
          c = load (
            { members, ... }:
            {
              members.db = manual;
              state = members.db;
              members.a = manual // {
                state = null;
                lifecycle = {
                  createBeforeDestroy = true;
                  ignoreChanges = [ "tags.Name" ];
                  replaceTriggeredBy = [ members.db ];
                };
                formerly = "old.a";
                dependsOn = [
                  members.db
                  "x.y"
                ];
                import.id = "i-1";
                assertions = [
                  {
                    assertion = false;
                    message = "no";
                  }
                  {
                    assertion = true;
                    message = "yes";
                  }
                ];
              };
            }
          );
          a = member "a" c;
        in
        {
          root = c.state;
          inherit (a) state failedAssertions;
          inherit (a.resource)
            lifecycle
            formerly
            dependsOn
            importId
            ;
        };
      expected = {
        root.handler = [ "db" ];
        state.handler = null;
        failedAssertions = [ "no" ];
        lifecycle = {
          createBeforeDestroy = true;
          preventDestroy = false;
          ignoreChanges = [ "tags.Name" ];
          replaceTriggeredBy = [ { member = [ "db" ]; } ];
        };
        formerly = [
          {
            base = "old.a";
            rest = [ ];
          }
        ];
        dependsOn = [
          [ "db" ]
          "x.y"
        ];
        importId = "i-1";
      };
    };
    compositesSpeakForTheirMembers = {
      expr =
        let
          c = load (
            { members, ... }:
            {
              members.db = manual;
              members.new = {
                formerly = "old";
                dependsOn = [ members.db ];
                members.g.formerly = "elsewhere.g";
                members.g.members.a = manual;
              };
            }
          );
          a = member "a" (member "g" (member "new" c));
        in
        {
          inherit (a.resource) formerly dependsOn;
        };
      expected = {
        formerly = [
          {
            base = "elsewhere.g";
            rest = [ "a" ];
          }
          {
            base = "old";
            rest = [
              "g"
              "a"
            ];
          }
        ];
        dependsOn = [ [ "db" ] ];
      };
    };
    statelessByDefaultInherits = {
      expr = (member "a" (load { members.a = manual; })).state;
      expected.inherited = true;
    };
    undeclaredNamesFail = fails ((member "a" (load { members.a = manual // { inptus = { }; }; })).isResource);
    rootMustBeAModule = fails (load 3);
    importsInMembers = {
      expr = inputs "a" {
        members.a = manual // {
          imports = [
            { inputs.x = 1; }
            ({ name, ... }: { inputs.name = name; })
          ];
        };
      };
      expected = {
        x = 1;
        name = "a";
      };
    };
    componentsCanDeclareOptions = {
      expr = inputs "a" {
        members.a =
          { config, lib, ... }:
          {
            options.host = lib.mkOption { type = lib.types.str; };
            config = manual // {
              host = "h";
              inputs.where = config.host;
            };
          };
      };
      expected.where = "h";
    };
    locate = {
      expr =
        let
          a = member "a" (load ./located.nix);
          lineOf =
            places:
            let
              found = builtins.filter (p: p != null) (
                map (p: builtins.unsafeGetAttrPos p.name p.set) places
              );
            in
            (builtins.head found).line;
          line = path: lineOf (a.resource.locate path);
        in
        [
          (line [ "x" ])
          (line [
            "tags"
            "Name"
          ])
          (line [
            "rules"
            1
            "port"
          ])
          (line [ "missing" ])
          (lineOf a.resource.typePlaces)
        ];
      expected = [
        6
        9
        14
        5
        3
      ];
    };
  };
in
builtins.concatMap (
  name:
  let
    test = tests.${name};
  in
  if test.expr == test.expected then [ ] else [ ({ inherit name; } // test) ]
) (builtins.attrNames tests)
