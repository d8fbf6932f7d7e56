// Checks an exported log, or a receipt, with nothing of ours: golang.org/x/mod/sumdb alone.
//
//	checker log FOLDER VERIFIER-KEY      checkpoints, every entry's inclusion, consistency
//	checker receipt FILE VERIFIER-KEY    a tlog-proof whose extra line holds the leaf
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: checker log|receipt PATH VERIFIER-KEY"))
	}
	verifier, err := note.NewVerifier(os.Args[3])
	fail(err)
	if os.Args[1] == "log" {
		checkLog(os.Args[2], verifier)
	} else {
		checkReceipt(os.Args[2], verifier)
	}
}

func checkLog(folder string, verifier note.Verifier) {
	tree := open(filepath.Join(folder, "checkpoint"), verifier)
	reader := tlog.TileHashReader(tree, tiles{folder})
	for index := int64(0); index < tree.N; index++ {
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		fail(err)
		hash := tlog.RecordHash(entry(folder, tree.N, index))
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash); err != nil {
			fail(fmt.Errorf("leaf %d: %v", index, err))
		}
	}
	older, err := filepath.Glob(filepath.Join(folder, "checkpoints", "*"))
	fail(err)
	for _, file := range older {
		old := open(file, verifier)
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		fail(err)
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			fail(fmt.Errorf("%s: %v", file, err))
		}
	}
	fmt.Printf("%d leaves, %d checkpoints\n", tree.N, len(older))
}

func checkReceipt(file string, verifier note.Verifier) {
	content, err := os.ReadFile(file)
	fail(err)
	parts := strings.SplitN(string(content), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail(fmt.Errorf("not a tlog-proof"))
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	fail(err)
	var opened struct{ Leaf []byte }
	fail(json.Unmarshal(extra, &opened))
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	fail(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		fail(err)
		proof = append(proof, hash)
	}
	tree := parse([]byte(parts[1]), verifier)
	fail(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(opened.Leaf)))
	fmt.Printf("leaf %d of %d\n", index, tree.N)
}

func open(file string, verifier note.Verifier) tlog.Tree {
	content, err := os.ReadFile(file)
	fail(err)
	return parse(content, verifier)
}

func parse(content []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(content, note.VerifierList(verifier))
	fail(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail(fmt.Errorf("not a checkpoint of %s", verifier.Name()))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	fail(err)
	hash, err := tlog.ParseHash(lines[2])
	fail(err)
	return tlog.Tree{N: size, Hash: hash}
}

// entry reads one entry out of its bundle.
func entry(folder string, size, index int64) []byte {
	tile := tlog.Tile{H: height, L: 0, N: index / 256, W: 256}
	if tile.N == size/256 {
		tile.W = int(size % 256)
	}
	path := strings.Replace(path(tile), "tile/0/", "tile/entries/", 1)
	bundle, err := os.ReadFile(filepath.Join(folder, path))
	fail(err)
	for skip := index % 256; ; skip-- {
		length := int(binary.BigEndian.Uint16(bundle))
		if skip == 0 {
			return bundle[2 : 2+length]
		}
		bundle = bundle[2+length:]
	}
}

// tiles reads tiles from a folder. TileHashReader checks them against the tree's hash.
type tiles struct{ folder string }

func (t tiles) Height() int                     { return height }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var contents [][]byte
	for _, tile := range wanted {
		content, err := os.ReadFile(filepath.Join(t.folder, path(tile)))
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

// path is where tlog-tiles puts a tile: as sumdb does, without the height.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
