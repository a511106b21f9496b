package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// service keeps one empty file an object, so that reading shows whether it is still there.
type service struct {
	directory string
	next      atomic.Int64
}

func (s *service) path(id string) string { return filepath.Join(s.directory, id) }

func newProvider() *schema.Provider {
	return &schema.Provider{
		Schema: map[string]*schema.Schema{
			"directory": {Type: schema.TypeString, Required: true},
			"timeouts_block": {
				Type: schema.TypeList, Optional: true, MaxItems: 1,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"seconds": {Type: schema.TypeInt, Optional: true, Default: 5},
				}},
			},
		},
		ResourcesMap: map[string]*schema.Resource{
			"legacy_thing": thing(),
		},
		DataSourcesMap: map[string]*schema.Resource{
			"legacy_count": {
				Schema: map[string]*schema.Schema{
					"count_of_things": {Type: schema.TypeInt, Computed: true},
				},
				ReadContext: func(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
					entries, err := os.ReadDir(meta.(*service).directory)
					if err != nil && !errors.Is(err, os.ErrNotExist) {
						return diag.FromErr(err)
					}
					d.SetId("count")
					return diag.FromErr(d.Set("count_of_things", len(entries)))
				},
			},
		},
		ConfigureContextFunc: func(_ context.Context, d *schema.ResourceData) (any, diag.Diagnostics) {
			directory := d.Get("directory").(string)
			return &service{directory: directory}, diag.FromErr(os.MkdirAll(directory, 0o755))
		},
	}
}

func (s *service) create() (string, error) {
	for {
		id := fmt.Sprintf("thing-%d", s.next.Add(1))
		file, err := os.OpenFile(s.path(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return id, file.Close()
	}
}
