package dev.zhulong.formats;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The registry of families: those that are built in ({@code family/families.txt}), and those that jars on the class path add ({@link
 * Extension}; {@code examples/family} is a whole one).
 */
public final class Families {
    private static List<Family> all;

    private Families() {}

    private static List<Family> load(ClassLoader loader) {
        var all = new ArrayList<Family>();
        try (var lines = new BufferedReader(new InputStreamReader(Families.class.getResourceAsStream("family/families.txt"), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (!line.startsWith("#")) {
                    all.add((Family) Class.forName(Families.class.getPackageName() + ".family." + line).getConstructor().newInstance());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("family/families.txt names what is no family: " + e, e);
        }
        all.addAll(added(loader, all.stream().map(Family::modelType).toList()));
        return List.copyOf(all);
    }

    /** By name, whatever the order of the jars. */
    static List<Family> added(ClassLoader loader, List<String> own) {
        return Extension.all(Family.class, loader, "family", Family::modelType, own).values().stream().map(Extension::provider).toList();
    }

    /**
     * All of them: ours in the order of registration, then those that jars add.
     *
     * @throws IllegalStateException where one of a jar cannot be used; the message names its class and its jar
     */
    public static synchronized List<Family> all() {
        // no static initialiser: its second failure would name no jar
        if (all == null) {
            all = load(Families.class.getClassLoader());
        }
        return all;
    }

    /** Those of decoders. */
    public static List<Family> decoders() {
        return all().stream().filter(family -> !(family instanceof EncoderFamily || family instanceof EncoderDecoderFamily || family instanceof VisionFamily)).toList();
    }

    /** The family of this {@code model_type}. */
    public static Optional<Family> find(String modelType) {
        return all().stream().filter(family -> family.modelType().equals(modelType)).findFirst();
    }

    /** The model types of all, for messages. */
    public static String names() {
        return names(all());
    }

    /** Their model types, for messages. */
    public static String names(List<Family> families) {
        return families.stream().map(Family::modelType).collect(Collectors.joining(", "));
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
