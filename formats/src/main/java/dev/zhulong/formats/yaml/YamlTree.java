package dev.zhulong.formats.yaml;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import org.yaml.snakeyaml.DumperOptions.ScalarStyle;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.composer.Composer;
import org.yaml.snakeyaml.error.Mark;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.parser.ParserImpl;
import org.yaml.snakeyaml.reader.StreamReader;
import org.yaml.snakeyaml.resolver.Resolver;

/**
 * Parses YAML with SnakeYAML up to its node graph, the stage that still has lines and columns, and no further: no object is ever
 * constructed from a tag. Limits keep a hostile file small: 1 MiB of text, 50 levels, 100,000 values with aliases written out.
 */
final class YamlTree {

    private static final int MAX_CHARACTERS = 1 << 20;
    private static final int MAX_DEPTH = 50;
    private static final int MAX_VALUES = 100_000;
    private static final List<String> TAGS = List.of("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge");

    private final String source;
    private final boolean places;
    private int values;

    private YamlTree(String source, boolean places) {
        this.source = source;
        this.places = places;
    }

    /**
     * The one document in a text; an empty one is an empty section.
     *
     * @param source names the text in messages
     * @param places whether to add line and column
     */
    static Yaml parse(String text, String source, boolean places) {
        YamlTree tree = new YamlTree(source, places);
        if (text.length() > MAX_CHARACTERS) {
            throw new RecipeException(source + ": expected a recipe of at most " + MAX_CHARACTERS + " characters, found " + text.length());
        }
        LoaderOptions limits = new LoaderOptions();
        limits.setCodePointLimit(MAX_CHARACTERS);
        limits.setNestingDepthLimit(MAX_DEPTH);
        limits.setMaxAliasesForCollections(MAX_DEPTH);
        try {
            StreamReader reader = new StreamReader(new StringReader(text));
            Node root = new Composer(new ParserImpl(reader, limits), new Resolver(), limits).getSingleNode();
            return root == null ? Yaml.Mapping.empty(source) : tree.convert(root, 0);
        } catch (MarkedYAMLException e) {
            String context = e.getContext() == null ? "" : " " + e.getContext();
            throw new RecipeException(tree.place(e.getProblemMark()) + ": not YAML: " + oneLine(e.getProblem() + context), e);
        } catch (YAMLException e) {
            throw new RecipeException(source + ": not YAML: " + oneLine(e.getMessage()), e);
        }
    }

    private Yaml convert(Node node, int depth) {
        String place = place(node.getStartMark());
        if (depth > MAX_DEPTH || ++values > MAX_VALUES) {
            throw new RecipeException(place + ": too large with its aliases written out (at most " + MAX_DEPTH + " levels and "
                    + MAX_VALUES + " values)");
        }
        String tag = node.getTag().getValue();
        if (!tag.startsWith("tag:yaml.org,2002:") || !TAGS.contains(tag.substring(18))) {
            throw new RecipeException(place + ": tags are not allowed in a recipe, found " + oneLine(tag));
        }
        return switch (node) {
            case ScalarNode scalar -> new Yaml.Scalar(place, scalar.getValue(), scalar.getScalarStyle() == ScalarStyle.PLAIN);
            case SequenceNode sequence -> {
                List<Yaml> items = new ArrayList<>();
                for (Node item : sequence.getValue()) {
                    items.add(convert(item, depth + 1));
                }
                yield new Yaml.Sequence(place, items);
            }
            case MappingNode mapping -> mapping(mapping, place, depth);
            default -> throw new RecipeException(place + ": not YAML: " + node.getNodeId());
        };
    }

    private Yaml.Mapping mapping(MappingNode node, String place, int depth) {
        Yaml.Mapping mapping = Yaml.Mapping.empty(place);
        for (NodeTuple tuple : node.getValue()) {
            String keyPlace = place(tuple.getKeyNode().getStartMark());
            if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
                throw new RecipeException(keyPlace + ": expected a field's name, found a list or a section");
            }
            if (key.getValue().equals("<<") && key.getScalarStyle() == ScalarStyle.PLAIN) {
                throw new RecipeException(keyPlace + ": merging with << is not supported; write the fields out");
            }
            Yaml.Mapping.Field before = mapping.fields().putIfAbsent(key.getValue(),
                    new Yaml.Mapping.Field(keyPlace, convert(tuple.getValueNode(), depth + 1)));
            if (before != null) {
                throw new RecipeException(keyPlace + ": " + oneLine(key.getValue()) + ": given twice, first at " + before.place());
            }
        }
        return mapping;
    }

    private String place(Mark mark) {
        return places && mark != null ? source + ":" + (mark.getLine() + 1) + ":" + (mark.getColumn() + 1) : source;
    }

    private static String oneLine(String text) {
        return text.replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    }
}
