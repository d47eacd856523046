package gguf

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// partName is how the files of a model in several parts are named (llama_split_path).
var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// addParts checks the other files of a model in several parts.
func (m *Model) addParts(first *File, path string) error {
	count := first.Meta["split.count"].Int()
	if count <= 1 {
		return nil
	}
	name := partName.FindStringSubmatch(path)
	if name == nil || name[3] != fmt.Sprintf("%05d", count) {
		return bad("it is one of %d parts, yet isn't named like name-00001-of-%05d.gguf", count, count)
	}
	if no, _ := strconv.Atoi(name[2]); no != 1 || first.Meta["split.no"].Int() != 0 {
		return bad("it is part %s of %d; name the first one", name[2], count)
	}
	tensors := len(first.Tensors)
	for i := int64(2); i <= count; i++ {
		part, err := readPart(fmt.Sprintf("%s-%05d-of-%s.gguf", name[1], i, name[3]), i, count)
		if err != nil {
			return err
		}
		m.Weights += part.weights()
		m.reads.count(part, first)
		m.addShapes(part)
		tensors += len(part.Tensors)
	}
	if want := first.Meta["split.tensors.count"].Int(); want != 0 && want != int64(tensors) {
		return bad("its parts hold %d tensors, %d were expected", tensors, want)
	}
	m.Parts = int(count)
	return nil
}

func readPart(path string, i, count int64) (*File, error) {
	f, err := open(path)
	if os.IsNotExist(err) {
		return nil, bad("part %d of %d is missing: %s", i, count, path)
	}
	if err != nil {
		return nil, fmt.Errorf("part %d of %d: %w", i, count, err)
	}
	if f.Meta["split.no"].Int() != i-1 || f.Meta["split.count"].Int() != count {
		return nil, bad("%s is not part %d of %d", path, i, count)
	}
	return f, nil
}
