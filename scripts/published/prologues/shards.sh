# The other machines.
for i in 1 2 3 4 5 6 7; do
  ppt-vit eval ./val --model ./deit-small -o part-$i.json --shard $i/8
done
i=8
