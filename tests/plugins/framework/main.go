// A provider plugin (protocol 6) on terraform-plugin-framework that offers every kind of thing the
// framework can, for the tests: resources with identity, write-only, dynamic and nested attributes,
// sets with defaults, blocks, state upgrade and move, deferral, a data source, an ephemeral
// resource, functions, a list resource, an action and a state store.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
)

func main() {
	debug := flag.Bool("debug", false, "serve until interrupted, and print how to reattach")
	flag.Parse()
	err := providerserver.Serve(context.Background(), newProvider, providerserver.ServeOpts{
		Address: "registry.opentofu.org/example/framework",
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
