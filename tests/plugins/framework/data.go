package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// objectData is the data source framework_object: looks an object up.
type objectData struct{ store *store }

type objectDataModel struct {
	ID   types.String `tfsdk:"id"`
	Name types.String `tfsdk:"name"`
}

func (d *objectData) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "framework_object"
}

func (d *objectData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":   schema.StringAttribute{Required: true},
		"name": schema.StringAttribute{Computed: true},
	}}
}

func (d *objectData) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.store = dataOf(req.ProviderData)
}

func (d *objectData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model objectDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	o, err := d.store.read(model.ID.ValueString())
	switch {
	case err != nil:
		resp.Diagnostics.AddError("The object cannot be read", err.Error())
	case o == nil:
		resp.Diagnostics.AddError("There is no such object", model.ID.ValueString())
	default:
		model.Name = types.StringValue(o.Name)
		resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	}
}
