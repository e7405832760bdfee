package dev.zhulong.distribute;

import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** A {@link Group} in environment variables: how whoever starts a rank tells it which it is. */
public final class GroupVariables {
    private static final String PREFIX = "ZHULONG_";
    private static final String RANK = PREFIX + "RANK";
    private static final String SIZE = PREFIX + "WORLD_SIZE";
    private static final String GENERATION = PREFIX + "GENERATION";
    private static final String HOST = PREFIX + "MASTER_HOST";
    private static final String PORT = PREFIX + "MASTER_PORT";
    private static final String BIND = PREFIX + "BIND";
    private static final String KEY = PREFIX + "CLUSTER_KEY";
    private static final String STALENESS = PREFIX + "STALENESS";
    private static final String TIMEOUT = PREFIX + "RANK_TIMEOUT_MS";

    private GroupVariables() {}

    /** The variables of {@code group}. */
    public static Map<String, String> of(Group group) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put(RANK, Integer.toString(group.rank()));
        all.put(SIZE, Integer.toString(group.size()));
        all.put(GENERATION, Integer.toString(group.generation()));
        all.put(HOST, group.host());
        all.put(PORT, Integer.toString(group.port()));
        all.put(BIND, group.bind());
        all.put(KEY, HexFormat.of().formatHex(group.key()));
        all.put(TIMEOUT, Long.toString(group.timeout().toMillis()));
        if (group.staleness() != null) {
            all.put(STALENESS, group.staleness().toString());
        }
        return all;
    }

    /**
     * The group that the variables tell of; none where they tell of none.
     *
     * @throws IllegalArgumentException if one is missing or makes no sense
     */
    public static Optional<Group> read(Map<String, String> variables) {
        if (!variables.containsKey(RANK)) {
            return Optional.empty();
        }
        return Optional.of(new Group(number(variables, RANK), number(variables, SIZE), number(variables, GENERATION), text(variables, HOST), number(variables, PORT), text(variables, BIND),
                key(text(variables, KEY)), Duration.ofMillis(number(variables, TIMEOUT))).serving(variables.containsKey(STALENESS) ? number(variables, STALENESS) : null));
    }

    private static byte[] key(String hex) {
        try {
            return HexFormat.of().parseHex(hex);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(KEY + " is no key in hexadecimal digits", e);
        }
    }

    private static String text(Map<String, String> variables, String name) {
        String found = variables.get(name);
        if (found == null) {
            throw new IllegalArgumentException(RANK + " is set and " + name + " is not: let zhulong train-cluster start the ranks");
        }
        return found;
    }

    private static int number(Map<String, String> variables, String name) {
        try {
            return Integer.parseInt(text(variables, name));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + " is " + variables.get(name) + ", which is no number", e);
        }
    }
}
