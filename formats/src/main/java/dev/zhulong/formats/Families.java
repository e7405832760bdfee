package dev.zhulong.formats;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The registry of families: those that are built in, and those that jars on the class path add. */
public final class Families {
    private static final List<Family> ALL = load();

    private Families() {}

    private static List<Family> load() {
        var all = new ArrayList<Family>();
        for (Family family : ServiceLoader.load(Family.class, Families.class.getClassLoader())) {
            for (Family other : all) {
                if (other.modelType().equals(family.modelType())) {
                    throw new IllegalStateException("two families are called " + family.modelType() + ": " + other.getClass().getName() + " and "
                            + family.getClass().getName() + "; take one of their jars off the class path");
                }
            }
            all.add(family);
        }
        return List.copyOf(all);
    }

    /** All of them, in the order of registration. */
    public static List<Family> all() {
        return ALL;
    }

    /** The family of this {@code model_type}. */
    public static Optional<Family> find(String modelType) {
        return ALL.stream().filter(family -> family.modelType().equals(modelType)).findFirst();
    }

    /** Their model types, for messages. */
    public static String names() {
        return ALL.stream().map(Family::modelType).collect(Collectors.joining(", "));
    }

    /**
     * Tensors under new names, for {@link Family#tidy}.
     *
     * @param name the name of today; empty for what is no weight
     * @throws FormatException when two tensors get the same name
     */
    public static Map<String, TensorView> renamed(Map<String, TensorView> stored, Function<TensorView, Optional<String>> name) {
        var weights = new LinkedHashMap<String, TensorView>();
        stored.values().forEach(view -> name.apply(view).ifPresent(today -> {
            TensorView twin = weights.put(today, view);
            if (twin != null) {
                throw new FormatException(view.file(), "tensors " + twin.name() + " and " + view.name() + " are the same weight; keep one");
            }
        }));
        return weights;
    }
}
