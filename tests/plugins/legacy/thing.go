package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

func thing() *schema.Resource {
	return &schema.Resource{
		SchemaVersion: 2,
		Schema: map[string]*schema.Schema{
			"name":        {Type: schema.TypeString, Required: true},
			"zone":        {Type: schema.TypeString, Optional: true, ForceNew: true, Default: "a"},
			"description": {Type: schema.TypeString, Optional: true},
			"size":        {Type: schema.TypeInt, Optional: true},
			"ratio":       {Type: schema.TypeFloat, Optional: true},
			"enabled":     {Type: schema.TypeBool, Optional: true, Default: true},
			"password":    {Type: schema.TypeString, Optional: true, Sensitive: true},
			"upper_name":  {Type: schema.TypeString, Computed: true},
			"generation":  {Type: schema.TypeInt, Computed: true},
			"tags":        {Type: schema.TypeMap, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
			"names":       {Type: schema.TypeList, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
			"ports":       {Type: schema.TypeSet, Optional: true, Elem: &schema.Schema{Type: schema.TypeInt}},
			// Stored in another form than given: what the legacy type system lets pass.
			"lowercased": {
				Type: schema.TypeString, Optional: true,
				StateFunc: func(value any) string { return strings.ToLower(value.(string)) },
			},
			"rule": {
				Type: schema.TypeSet, Optional: true,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"port":     {Type: schema.TypeInt, Required: true},
					"protocol": {Type: schema.TypeString, Optional: true, Default: "tcp"},
					"note":     {Type: schema.TypeString, Optional: true, Computed: true},
				}},
			},
			"option": {
				Type: schema.TypeList, Optional: true, Computed: true, MaxItems: 1,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"level": {Type: schema.TypeInt, Optional: true, Computed: true},
				}},
			},
		},
		Timeouts:      &schema.ResourceTimeout{Create: schema.DefaultTimeout(time.Minute)},
		CreateContext: createThing,
		ReadContext:   readThing,
		UpdateContext: updateThing,
		DeleteContext: deleteThing,
		CustomizeDiff: func(_ context.Context, d *schema.ResourceDiff, _ any) error {
			if d.HasChange("name") {
				return d.SetNewComputed("upper_name")
			}
			return nil
		},
		Importer: &schema.ResourceImporter{
			StateContext: func(_ context.Context, d *schema.ResourceData, _ any) ([]*schema.ResourceData, error) {
				if d.Id() != "several" {
					return []*schema.ResourceData{d}, nil
				}
				other := thing().Data(nil)
				other.SetType("legacy_thing")
				other.SetId("other")
				return []*schema.ResourceData{d, other}, nil
			},
		},
		StateUpgraders: []schema.StateUpgrader{
			{Version: 0, Type: oldThing().CoreConfigSchema().ImpliedType(), Upgrade: renameTitle},
			{Version: 1, Type: oldThing().CoreConfigSchema().ImpliedType(), Upgrade: renameTitle},
		},
	}
}

// oldThing is how versions 0 (a flat map) and 1 looked: the name was called the title.
func oldThing() *schema.Resource {
	return &schema.Resource{Schema: map[string]*schema.Schema{
		"title": {Type: schema.TypeString, Required: true},
		"tags":  {Type: schema.TypeMap, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
		"ports": {Type: schema.TypeSet, Optional: true, Elem: &schema.Schema{Type: schema.TypeInt}},
	}}
}

func renameTitle(_ context.Context, state map[string]any, _ any) (map[string]any, error) {
	if title, ok := state["title"]; ok {
		state["name"] = title
		delete(state, "title")
	}
	return state, nil
}

func createThing(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	id, err := meta.(*service).create()
	if err != nil {
		return diag.FromErr(err)
	}
	d.SetId(id)
	if d.Get("name") == "half-made" {
		return diag.Errorf("the thing is half made")
	}
	return settle(d, 1)
}

// settle sets what the service decides.
func settle(d *schema.ResourceData, generation int) diag.Diagnostics {
	err := errors.Join(
		d.Set("upper_name", strings.ToUpper(d.Get("name").(string))),
		d.Set("generation", generation),
	)
	if len(d.Get("option").([]any)) == 0 {
		err = errors.Join(err, d.Set("option", []any{map[string]any{"level": 3}}))
	}
	return diag.FromErr(err)
}

func readThing(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	_, err := os.Stat(meta.(*service).path(d.Id()))
	if errors.Is(err, os.ErrNotExist) {
		d.SetId("")
		return nil
	}
	return diag.FromErr(err)
}

func updateThing(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
	if d.Get("description") == "refuse" {
		// What was asked for is not kept: the state stays as it was.
		d.Partial(true)
		return diag.Errorf("the service refuses this description")
	}
	return settle(d, d.Get("generation").(int)+1)
}

func deleteThing(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	err := os.Remove(meta.(*service).path(d.Id()))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return diag.FromErr(err)
}
