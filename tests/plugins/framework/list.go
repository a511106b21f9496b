package main

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// objectList lists framework_object.
type objectList struct{ store *store }

func (l *objectList) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "framework_object"
}

func (l *objectList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name_prefix": schema.StringAttribute{Optional: true},
	}}
}

func (l *objectList) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	l.store = dataOf(req.ProviderData)
}

func (l *objectList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var prefix types.String
	diags := req.Config.GetAttribute(ctx, path.Root("name_prefix"), &prefix)
	objects, err := l.store.list()
	if err != nil {
		diags.AddError("The objects cannot be listed", err.Error())
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		for _, o := range objects {
			if !strings.HasPrefix(o.Name, prefix.ValueString()) {
				continue
			}
			result := req.NewListResult(ctx)
			result.DisplayName = o.Name
			result.Diagnostics = diag.Diagnostics{}
			result.Diagnostics.Append(result.Identity.Set(ctx, objectIdentity{ID: types.StringValue(o.ID)})...)
			if req.IncludeResource {
				result.Diagnostics.Append(result.Resource.SetAttribute(ctx, path.Root("id"), o.ID)...)
				result.Diagnostics.Append(result.Resource.SetAttribute(ctx, path.Root("name"), o.Name)...)
			}
			if !push(result) {
				return
			}
		}
	}
}
