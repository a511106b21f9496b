# Lists.
{ lib }:
let
  inherit (builtins)
    all
    any
    attrNames
    concatLists
    concatMap
    elem
    elemAt
    filter
    foldl'
    genList
    groupBy
    head
    isAttrs
    isInt
    isList
    length
    map
    partition
    sort
    tail
    ;
in
rec {
  inherit
    all
    any
    concatLists
    concatMap
    elem
    elemAt
    filter
    foldl'
    genList
    head
    isList
    length
    map
    partition
    sort
    tail
    ;

  singleton = x: [ x ];
  forEach = list: f: map f list;
  toList = x: if isList x then x else [ x ];
  optional = cond: x: if cond then [ x ] else [ ];
  optionals = cond: list: if cond then list else [ ];

  foldr =
    op: nul: list:
    let
      n = length list;
      go = i: if i == n then nul else op (elemAt list i) (go (i + 1));
    in
    go 0;
  fold = foldr;
  foldl =
    op: nul: list:
    let
      go = i: if i == -1 then nul else op (go (i - 1)) (elemAt list i);
    in
    go (length list - 1);

  imap0 = f: list: genList (i: f i (elemAt list i)) (length list);
  imap1 = f: list: genList (i: f (i + 1) (elemAt list i)) (length list);
  ifilter0 =
    pred: list:
    map (i: elemAt list i) (filter (i: pred i (elemAt list i)) (genList (i: i) (length list)));
  concatImap0 = f: list: concatLists (imap0 f list);
  concatImap1 = f: list: concatLists (imap1 f list);
  concatMapAttrsToList = f: set: concatMap (n: f n set.${n}) (attrNames set);

  flatten = x: if isList x then concatMap flatten x else [ x ];
  remove = e: filter (x: x != e);
  count = pred: foldl' (c: x: if pred x then c + 1 else c) 0;
  range = first: last: if first > last then [ ] else genList (n: first + n) (last - first + 1);
  replicate = n: x: genList (_: x) n;

  findSingle =
    pred: default: multiple: list:
    let
      found = filter pred list;
    in
    if found == [ ] then
      default
    else if length found > 1 then
      multiple
    else
      head found;
  findFirstIndex =
    pred: default: list:
    let
      n = length list;
      go =
        i:
        if i == n then
          default
        else if pred (elemAt list i) then
          i
        else
          go (i + 1);
    in
    go 0;
  findFirst =
    pred: default: list:
    let
      i = findFirstIndex pred null list;
    in
    if i == null then default else elemAt list i;

  groupBy' =
    op: nul: pred: list:
    builtins.mapAttrs (_: foldl' op nul) (groupBy pred list);
  inherit groupBy;

  zipListsWith =
    f: a: b:
    genList (n: f (elemAt a n) (elemAt b n)) (lib.min (length a) (length b));
  zipLists = zipListsWith (fst: snd: { inherit fst snd; });

  reverseList =
    list:
    let
      n = length list;
    in
    genList (i: elemAt list (n - i - 1)) n;

  listDfs =
    stopOnCycles: before: list:
    let
      go =
        us: visited: rest:
        let
          c = filter (x: before x us) visited;
          b = partition (x: before x us) rest;
        in
        if stopOnCycles && c != [ ] then
          {
            cycle = us;
            loops = c;
            inherit visited rest;
          }
        else if b.right == [ ] then
          {
            minimal = us;
            inherit visited rest;
          }
        else
          go (head b.right) ([ us ] ++ visited) (tail b.right ++ b.wrong);
    in
    go (head list) [ ] (tail list);

  toposort =
    before: list:
    let
      found = listDfs true before list;
      rest = toposort before (found.visited ++ found.rest);
    in
    if length list < 2 then
      { result = list; }
    else if found ? cycle then
      {
        cycle = reverseList ([ found.cycle ] ++ found.visited);
        inherit (found) loops;
      }
    else if rest ? cycle then
      rest
    else
      { result = [ found.minimal ] ++ rest.result; };

  sortOn =
    f: list:
    map (x: elemAt x 1) (
      sort (a: b: head a < head b) (
        map (x: [
          (f x)
          x
        ]) list
      )
    );
  compareLists =
    cmp: a: b:
    if a == [ ] then
      if b == [ ] then 0 else -1
    else if b == [ ] then
      1
    else
      let
        rel = cmp (head a) (head b);
      in
      if rel == 0 then compareLists cmp (tail a) (tail b) else rel;
  naturalSort =
    list:
    let
      vectorise = s: map (x: if isList x then lib.toIntBase10 (head x) else x) (builtins.split "([0-9]+)" s);
    in
    map (x: x.s) (
      sort (a: b: (compareLists lib.compare a.v b.v) < 0) (
        map (s: {
          inherit s;
          v = vectorise s;
        }) list
      )
    );

  take = count: sublist 0 count;
  takeEnd = n: list: drop (lib.max 0 (length list - n)) list;
  drop = count: list: sublist count (length list) list;
  dropEnd = n: list: take (lib.max 0 (length list - n)) list;
  sublist =
    start: count: list:
    let
      len = length list;
    in
    genList (n: elemAt list (n + start)) (
      if start >= len then
        0
      else if start + count > len then
        len - start
      else
        count
    );
  hasPrefix = a: b: take (length a) b == a;
  removePrefix =
    a: b:
    if hasPrefix a b then drop (length a) b else throw "lib.lists.removePrefix: the first list is not a prefix of the second";
  commonPrefix =
    a: b:
    let
      n = lib.min (length a) (length b);
      i = findFirstIndex (i: elemAt a i != elemAt b i) n (genList (i: i) n);
    in
    take i a;

  last = list: if list == [ ] then throw "lists.last: list must not be empty!" else elemAt list (length list - 1);
  init = list: if list == [ ] then throw "lists.init: list must not be empty!" else take (length list - 1) list;

  crossLists = f: foldl (fs: args: concatMap (f: map f args) fs) [ f ];
  allUnique = list: length (unique list) == length list;
  unique = foldl' (acc: e: if elem e acc then acc else acc ++ [ e ]) [ ];
  uniqueStrings = list: attrNames (groupBy (x: x) list);
  intersectLists = e: filter (x: elem x e);
  subtractLists = e: filter (x: !(elem x e));
  mutuallyExclusive = a: b: a == [ ] || !(any (x: elem x a) b);
}
