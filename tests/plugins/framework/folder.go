package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/statestore"
	"github.com/hashicorp/terraform-plugin-framework/statestore/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// folderStore is the state store framework_folder: one file a state, in a folder.
type folderStore struct{ folder string }

func (f *folderStore) Metadata(_ context.Context, _ statestore.MetadataRequest, resp *statestore.MetadataResponse) {
	resp.TypeName = "framework_folder"
}

func (f *folderStore) Schema(_ context.Context, _ statestore.SchemaRequest, resp *statestore.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"path": schema.StringAttribute{Required: true},
	}}
}

func (f *folderStore) Initialize(ctx context.Context, req statestore.InitializeRequest, resp *statestore.InitializeResponse) {
	var folder types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("path"), &folder)...)
	report(&resp.Diagnostics, os.MkdirAll(folder.ValueString(), 0o755))
	resp.StateStoreData = folder.ValueString()
}

func (f *folderStore) Configure(_ context.Context, req statestore.ConfigureRequest, _ *statestore.ConfigureResponse) {
	f.folder, _ = req.StateStoreData.(string)
}

func (f *folderStore) file(id string) string { return filepath.Join(f.folder, id+".state") }

func (f *folderStore) lockFile(id string) string { return filepath.Join(f.folder, id+".lock") }

func report(diags *diag.Diagnostics, err error) {
	if err != nil {
		diags.AddError("The folder cannot be used", err.Error())
	}
}

func (f *folderStore) GetStates(_ context.Context, _ statestore.GetStatesRequest, resp *statestore.GetStatesResponse) {
	paths, err := filepath.Glob(f.file("*"))
	report(&resp.Diagnostics, err)
	for _, path := range paths {
		resp.StateIDs = append(resp.StateIDs, strings.TrimSuffix(filepath.Base(path), ".state"))
	}
}

func (f *folderStore) DeleteState(_ context.Context, req statestore.DeleteStateRequest, resp *statestore.DeleteStateResponse) {
	report(&resp.Diagnostics, os.Remove(f.file(req.StateID)))
}

func (f *folderStore) Lock(_ context.Context, req statestore.LockRequest, resp *statestore.LockResponse) {
	info := statestore.NewLockInfo(req)
	text, err := json.Marshal(info)
	report(&resp.Diagnostics, err)
	file, err := os.OpenFile(f.lockFile(req.StateID), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		var other statestore.LockInfo
		text, err := os.ReadFile(f.lockFile(req.StateID))
		report(&resp.Diagnostics, err)
		report(&resp.Diagnostics, json.Unmarshal(text, &other))
		resp.Diagnostics.Append(statestore.WorkspaceAlreadyLockedDiagnostic(req, other))
		return
	}
	report(&resp.Diagnostics, err)
	if err == nil {
		_, err = file.Write(text)
		report(&resp.Diagnostics, err)
		report(&resp.Diagnostics, file.Close())
	}
	resp.LockID = info.ID
}

func (f *folderStore) Unlock(_ context.Context, req statestore.UnlockRequest, resp *statestore.UnlockResponse) {
	report(&resp.Diagnostics, os.Remove(f.lockFile(req.StateID)))
}

func (f *folderStore) Read(_ context.Context, req statestore.ReadRequest, resp *statestore.ReadResponse) {
	text, err := os.ReadFile(f.file(req.StateID))
	if !errors.Is(err, fs.ErrNotExist) {
		report(&resp.Diagnostics, err)
	}
	resp.StateBytes = text
}

func (f *folderStore) Write(_ context.Context, req statestore.WriteRequest, resp *statestore.WriteResponse) {
	report(&resp.Diagnostics, os.WriteFile(f.file(req.StateID), req.StateBytes, 0o644))
}
