package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// store is the service behind the plugin: one JSON file an object, in a folder.
type store struct{ directory string }

// object is what the service keeps.
type object struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// SecretLength shows that a write-only value arrived, without keeping it.
	SecretLength int `json:"secret_length"`
}

func (s *store) path(id string) string { return filepath.Join(s.directory, id+".json") }

func (s *store) create(o *object) error {
	if err := os.MkdirAll(s.directory, 0o755); err != nil {
		return err
	}
	for number := 1; ; number++ {
		o.ID = fmt.Sprintf("object-%d", number)
		file, err := os.OpenFile(s.path(o.ID), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		defer file.Close()
		return json.NewEncoder(file).Encode(o)
	}
}

func (s *store) write(o *object) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(o.ID), text, 0o644)
}

// read gives nil where there is no such object.
func (s *store) read(id string) (*object, error) {
	text, err := os.ReadFile(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &object{}
	return o, json.Unmarshal(text, o)
}

func (s *store) delete(id string) error {
	err := os.Remove(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *store) list() ([]*object, error) {
	paths, err := filepath.Glob(filepath.Join(s.directory, "object-*.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	var objects []*object
	for _, path := range paths {
		o, err := s.read(strings.TrimSuffix(filepath.Base(path), ".json"))
		if err != nil {
			return nil, err
		}
		if o != nil {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// note appends a line to a log that tests read: what has no trace in a state leaves one here.
func (s *store) note(format string, args ...any) error {
	if err := os.MkdirAll(s.directory, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(s.directory, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintf(file, format+"\n", args...)
	return err
}

// dataOf gives the store that the provider was configured with; nil before that.
func dataOf(data any) *store {
	s, _ := data.(*store)
	return s
}
