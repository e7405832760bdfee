package dev.zhulong.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Which implementations of an interface have a test that extends the interface's contract, a class such as {@link TokenizerContract}. */
public final class ContractTests {
    private ContractTests() {}

    /**
     * The concrete classes of a module that implement {@code type} and that no test names as the first type argument of {@code contract}.
     *
     * @param main any class of the module
     * @param test any of its tests
     */
    public static List<Class<?>> missing(Class<?> main, Class<?> test, Class<?> type, Class<?> contract) {
        Set<Class<?>> tested = classes(test).stream().map(Class::getGenericSuperclass)
                .filter(parent -> parent instanceof ParameterizedType of && of.getRawType() == contract)
                .map(parent -> (Class<?>) ((ParameterizedType) parent).getActualTypeArguments()[0]).collect(Collectors.toSet());
        return implementations(main, type).stream().filter(each -> !tested.contains(each)).toList();
    }

    /** The concrete classes that implement {@code type}, of the module {@code main} belongs to. */
    public static List<Class<?>> implementations(Class<?> main, Class<?> type) {
        return classes(main).stream().filter(each -> type.isAssignableFrom(each) && !Modifier.isAbstract(each.getModifiers())).toList();
    }

    private static List<Class<?>> classes(Class<?> beside) {
        Path root = Path.of(beside.getProtectionDomain().getCodeSource().getLocation().getPath());
        try (var files = Files.walk(root)) {
            return files.map(file -> root.relativize(file).toString()).filter(name -> name.endsWith(".class") && !name.endsWith("-info.class")).sorted()
                    .<Class<?>>map(name -> load(name.substring(0, name.length() - ".class".length()).replace('/', '.'), beside)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Class<?> load(String name, Class<?> beside) {
        try {
            return Class.forName(name, false, beside.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }
}
