package dev.zhulong.evaluate.code;

import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.MemberRefEntry;
import java.lang.classfile.constantpool.MethodHandleEntry;
import java.lang.classfile.constantpool.MethodTypeEntry;
import java.lang.classfile.constantpool.NameAndTypeEntry;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.reflect.AccessFlag;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a solution may refer to, asked of its class files before they are run: its own classes, and of the library what computes. Files, networks, processes,
 * reflection, class loaders, method handles of its own, the VM and native code are not among it: everything that is not listed is refused. There is no
 * security manager any more that could stop a call when it is made, so the call must not be in the file.
 */
final class PermittedReferences {
    private static final String LANG = "java/lang/";

    /** Packages of which everything computes, but for {@link #REFUSED}; those under them are other packages. */
    private static final Set<String> PACKAGES = Set.of("java/lang/", "java/util/", "java/util/function/", "java/util/stream/", "java/util/regex/", "java/util/random/",
            "java/util/concurrent/", "java/util/concurrent/atomic/", "java/util/concurrent/locks/", "java/math/", "java/text/", "java/time/", "java/time/chrono/",
            "java/time/format/", "java/time/temporal/");

    /** Nested classes go with their outer ones. */
    private static final Set<String> REFUSED = Set.of("java/lang/ClassLoader", "java/lang/ClassValue", "java/lang/Compiler", "java/lang/ModuleLayer", "java/lang/Module",
            "java/lang/Package", "java/lang/Process", "java/lang/ProcessBuilder", "java/lang/ProcessHandle", "java/lang/Runtime", "java/lang/RuntimePermission",
            "java/lang/SecurityManager", "java/lang/StackWalker", "java/lang/ThreadGroup", "java/lang/InheritableThreadLocal", "java/lang/ScopedValue",
            "java/util/Formatter", "java/util/ServiceLoader", "java/util/ResourceBundle", "java/util/PropertyPermission");

    private static final Set<String> OTHERS = Set.of("java/io/Serializable", "java/io/IOException", "java/io/UncheckedIOException", "java/io/StringReader",
            "java/io/StringWriter", "java/io/Reader", "java/io/Writer", "java/io/BufferedReader", "java/nio/charset/StandardCharsets", "java/nio/charset/Charset",
            "java/security/MessageDigest", "java/security/NoSuchAlgorithmException", "java/security/GeneralSecurityException");

    /** Classes of which only some members are; a name, or a name and its descriptor. */
    private static final Map<String, Set<String>> MEMBERS = Map.of(
            "java/lang/System", Set.of("out", "err", "arraycopy", "nanoTime", "currentTimeMillis", "identityHashCode", "lineSeparator"),
            "java/lang/Class", Set.of("getName", "getSimpleName", "isInstance", "cast", "desiredAssertionStatus", "hashCode", "equals", "toString", "isArray", "getEnumConstants"),
            "java/lang/Thread", Set.of("<init>()V", "<init>(Ljava/lang/Runnable;)V", "<init>(Ljava/lang/Runnable;Ljava/lang/String;)V", "<init>(Ljava/lang/String;)V", "start",
                    "join", "run", "sleep", "interrupt", "isInterrupted", "interrupted", "currentThread", "setDaemon", "isAlive", "getName", "setName", "yield", "ofVirtual", "ofPlatform",
                    "startVirtualThread", "onSpinWait"),
            "java/io/PrintStream", Set.of("print", "println", "printf", "format", "flush", "append"),
            "java/lang/invoke/LambdaMetafactory", Set.of("metafactory", "altMetafactory"),
            "java/lang/invoke/StringConcatFactory", Set.of("makeConcatWithConstants", "makeConcat"),
            "java/lang/runtime/ObjectMethods", Set.of("bootstrap"),
            "java/lang/runtime/SwitchBootstraps", Set.of("typeSwitch", "enumSwitch"));

    /** Stand in the descriptors of the methods with which the compiler links lambdas, strings, records and switches; nothing may be called on them. */
    private static final Set<String> NAMED_ONLY = Set.of("java/lang/invoke/MethodHandles$Lookup", "java/lang/invoke/MethodHandles", "java/lang/invoke/MethodType",
            "java/lang/invoke/MethodHandle", "java/lang/invoke/CallSite", "java/lang/invoke/TypeDescriptor", "java/lang/invoke/SerializedLambda");

    private static final Pattern OBJECT = Pattern.compile("L([^;<]+);");

    private final Set<String> own;

    /** @param own internal names of the solution's classes */
    PermittedReferences(Set<String> own) {
        this.own = own;
    }

    /** What a class may not refer to, if there is anything, as {@code java.lang.Runtime.exec}. */
    Optional<String> refused(byte[] classFile) {
        ClassModel model = ClassFile.of().parse(classFile);
        if (model.flags().has(AccessFlag.MODULE)) {
            return Optional.of("a module");
        }
        Optional<String> nativeMethod = model.methods().stream().filter(method -> method.flags().has(AccessFlag.NATIVE)).findFirst()
                .map(method -> "the native method " + method.methodName().stringValue());
        if (nativeMethod.isPresent()) {
            return nativeMethod;
        }
        for (PoolEntry entry : model.constantPool()) {
            Optional<String> wrong = wrong(entry);
            if (wrong.isPresent()) {
                return wrong.map(name -> name.replace('/', '.'));
            }
        }
        return Stream.concat(model.methods().stream().map(m -> m.methodType().stringValue()), model.fields().stream().map(f -> f.fieldType().stringValue()))
                .map(this::descriptor).flatMap(Optional::stream).findFirst().map(name -> name.replace('/', '.'));
    }

    private Optional<String> wrong(PoolEntry entry) {
        return switch (entry) {
            case MemberRefEntry member -> member(member.owner().asInternalName(), member.name().stringValue(), member.type().stringValue());
            case ClassEntry type -> type.asInternalName().startsWith("[") ? descriptor(type.asInternalName()) : isNamed(type.asInternalName()) ? Optional.empty()
                    : Optional.of(type.asInternalName());
            case NameAndTypeEntry named -> descriptor(named.type().stringValue());
            case MethodTypeEntry type -> descriptor(type.descriptor().stringValue());
            case MethodHandleEntry handle -> wrong(handle.reference());
            default -> Optional.empty();
        };
    }

    private Optional<String> member(String owner, String name, String type) {
        if (own.contains(owner) || owner.startsWith("[")) {
            // inherited from the library, all the same: no class can extend what is refused
            return Optional.empty();
        }
        Set<String> some = MEMBERS.get(owner);
        boolean allowed = some != null ? some.contains(name) || some.contains(name + type) : isUsable(owner);
        return allowed ? Optional.empty() : Optional.of(owner + "." + name);
    }

    private Optional<String> descriptor(String descriptor) {
        Matcher matcher = OBJECT.matcher(descriptor);
        while (matcher.find()) {
            if (!isNamed(matcher.group(1))) {
                return Optional.of(matcher.group(1));
            }
        }
        return Optional.empty();
    }

    private boolean isNamed(String name) {
        return isUsable(name) || MEMBERS.containsKey(name) || NAMED_ONLY.contains(name);
    }

    private boolean isUsable(String name) {
        if (own.contains(name) || OTHERS.contains(name)) {
            return true;
        }
        String outer = name.indexOf('$') < 0 ? name : name.substring(0, name.indexOf('$'));
        boolean thread = outer.equals(LANG + "Thread") && !outer.equals(name);
        return PACKAGES.contains(outer.substring(0, outer.lastIndexOf('/') + 1)) && !REFUSED.contains(outer) && (thread || !MEMBERS.containsKey(outer));
    }
}
