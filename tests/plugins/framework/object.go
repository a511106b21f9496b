package main

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// objectResource is framework_object: an attribute and a block of every kind.
type objectResource struct{ store *store }

type ruleModel struct {
	Name types.String `tfsdk:"name"`
	Port types.Int64  `tfsdk:"port"`
}

type objectModel struct {
	ID            types.String  `tfsdk:"id"`
	Name          types.String  `tfsdk:"name"`
	Kind          types.String  `tfsdk:"kind"`
	Enabled       types.Bool    `tfsdk:"enabled"`
	Count         types.Int64   `tfsdk:"size"`
	Ratio         types.Float64 `tfsdk:"ratio"`
	Big           types.Number  `tfsdk:"big"`
	Names         types.List    `tfsdk:"names"`
	Zones         types.Set     `tfsdk:"zones"`
	Labels        types.Map     `tfsdk:"labels"`
	Point         types.Object  `tfsdk:"point"`
	Anything      types.Dynamic `tfsdk:"anything"`
	Single        types.Object  `tfsdk:"single"`
	RuleList      types.List    `tfsdk:"rule_list"`
	RuleSet       types.Set     `tfsdk:"rule_set"`
	RuleMap       types.Map     `tfsdk:"rule_map"`
	Password      types.String  `tfsdk:"password"`
	Secret        types.String  `tfsdk:"secret"`
	SecretVersion types.Int64   `tfsdk:"secret_version"`
	SecretLength  types.Int64   `tfsdk:"secret_length"`
	ListBlock     types.List    `tfsdk:"list_block"`
	SetBlock      types.Set     `tfsdk:"set_block"`
	SingleBlock   types.Object  `tfsdk:"single_block"`
}

type objectIdentity struct {
	ID types.String `tfsdk:"id"`
}

func (r *objectResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "framework_object"
}

func ruleAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true},
		"port": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(80)},
	}
}

func blockAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true},
		"port": schema.Int64Attribute{Optional: true},
	}
}

func (r *objectResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	nested := schema.NestedAttributeObject{Attributes: ruleAttributes()}
	block := schema.NestedBlockObject{Attributes: blockAttributes()}
	computed := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		Version:     2,
		Description: "An object with an attribute and a block of every kind.",
		Attributes: map[string]schema.Attribute{
			"id":   schema.StringAttribute{Computed: true, PlanModifiers: computed},
			"name": schema.StringAttribute{Required: true, Description: "A name for people."},
			"kind": schema.StringAttribute{
				Optional:      true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"enabled": schema.BoolAttribute{Optional: true},
			"size":    schema.Int64Attribute{Optional: true},
			"ratio":   schema.Float64Attribute{Optional: true},
			"big":     schema.NumberAttribute{Optional: true},
			"names":   schema.ListAttribute{Optional: true, ElementType: types.StringType},
			"zones": schema.SetAttribute{
				Optional: true, Computed: true, ElementType: types.StringType,
				Default: setdefault.StaticValue(types.SetValueMust(types.StringType, []attr.Value{types.StringValue("here")})),
			},
			"labels": schema.MapAttribute{Optional: true, ElementType: types.StringType},
			"point": schema.ObjectAttribute{
				Optional:       true,
				AttributeTypes: map[string]attr.Type{"x": types.NumberType, "y": types.NumberType},
			},
			"anything":       schema.DynamicAttribute{Optional: true},
			"single":         schema.SingleNestedAttribute{Optional: true, Attributes: ruleAttributes()},
			"rule_list":      schema.ListNestedAttribute{Optional: true, NestedObject: nested},
			"rule_set":       schema.SetNestedAttribute{Optional: true, NestedObject: nested},
			"rule_map":       schema.MapNestedAttribute{Optional: true, NestedObject: nested},
			"password":       schema.StringAttribute{Optional: true, Sensitive: true},
			"secret":         schema.StringAttribute{Optional: true, Sensitive: true, WriteOnly: true},
			"secret_version": schema.Int64Attribute{Optional: true},
			"secret_length":  schema.Int64Attribute{Computed: true},
		},
		Blocks: map[string]schema.Block{
			"list_block":   schema.ListNestedBlock{NestedObject: block},
			"set_block":    schema.SetNestedBlock{NestedObject: block},
			"single_block": schema.SingleNestedBlock{Attributes: map[string]schema.Attribute{"name": schema.StringAttribute{Optional: true}}},
		},
	}
}

func (r *objectResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true},
	}}
}

func (r *objectResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.store = dataOf(req.ProviderData)
}

// secretLength reads the write-only value, which only the configuration has.
func secretLength(ctx context.Context, get func(context.Context, path.Path, any) diag.Diagnostics) (int, diag.Diagnostics) {
	var secret types.String
	diags := get(ctx, path.Root("secret"), &secret)
	return len(secret.ValueString()), diags
}

func (r *objectResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var model objectModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	length, diags := secretLength(ctx, req.Config.GetAttribute)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	o := &object{Name: model.Name.ValueString(), SecretLength: length}
	if err := r.store.create(o); err != nil {
		resp.Diagnostics.AddError("The object cannot be created", err.Error())
		return
	}
	model.ID = types.StringValue(o.ID)
	model.SecretLength = types.Int64Value(int64(length))
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, objectIdentity{ID: model.ID})...)
	made, _ := json.Marshal("create")
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, "made_by", made)...)
	if model.Name.ValueString() == "half-made" {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "The object is half made", "It exists, and does not work.")
	}
}

func (r *objectResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var model objectModel
	resp.Diagnostics.Append(req.State.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	o, err := r.store.read(model.ID.ValueString())
	if err != nil {
		resp.Diagnostics.AddError("The object cannot be read", err.Error())
		return
	}
	if o == nil {
		resp.State.RemoveResource(ctx)
		return
	}
	model.Name = types.StringValue(o.Name)
	model.SecretLength = types.Int64Value(int64(o.SecretLength))
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, objectIdentity{ID: model.ID})...)
}

func (r *objectResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var model objectModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	length, diags := secretLength(ctx, req.Config.GetAttribute)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	o := &object{ID: model.ID.ValueString(), Name: model.Name.ValueString(), SecretLength: length}
	if err := r.store.write(o); err != nil {
		resp.Diagnostics.AddError("The object cannot be changed", err.Error())
		return
	}
	model.SecretLength = types.Int64Value(int64(length))
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, objectIdentity{ID: model.ID})...)
}

func (r *objectResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var id types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if err := r.store.delete(id.ValueString()); err != nil {
		resp.Diagnostics.AddError("The object cannot be deleted", err.Error())
	}
}

func (r *objectResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("id"), path.Root("id"), req, resp)
}
