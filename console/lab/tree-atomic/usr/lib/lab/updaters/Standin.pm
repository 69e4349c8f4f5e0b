# What the stand-ins for updaters share: the host's real OSTree, and JSON. They do what the real ones would do
# to the boot order, and print what those would print. Perl, since it is on every Debian without being asked for.
package Standin;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(as_root deployments booted index_of ostree commits commit_of json null flag slurp spew pause fail);

my $REF = 'lab:lab/os';

sub fail { print STDERR "error: @_\n"; exit 1 }

# /ostree is root's, and the daemons of the real ones are root.
sub as_root { exec('sudo', '-n', $0, @ARGV) if $> != 0 }

# The deployments in boot order, from `ostree admin status`.
sub deployments {
    my @found;
    for (`ostree admin status`) {
        if (my ($star, $name, $checksum, $serial, $marks) = /^([* ]) (\S+) ([0-9a-f]{64})\.(\d+)(.*)/) {
            push @found, {
                booted => $star eq '*', name => $name, checksum => $checksum, serial => $serial,
                id => "$name-$checksum.$serial", pinned => 0, version => undef,
                staged => scalar($marks =~ /\((?:staged|finalization locked)\)/), locked => scalar($marks =~ /locked/),
            };
        }
        $found[-1]{version} = $1 if /^\s+Version: (.*)/;
        $found[-1]{pinned} = 1 if /^\s+Pinned: yes/;
    }
    return @found;
}

sub index_of { my ($wanted, @all) = @_; for (0 .. $#all) { return $_ if $wanted->($all[$_]) } return -1 }
sub booted { my @all = @_; return index_of(sub { $_[0]{booted} }, @all) }

sub ostree { system('ostree', @_) == 0 or fail("ostree @_") }

# What the branch has, newest first: [commit, version].
sub commits {
    system('ostree pull --commit-metadata-only --depth=20 lab lab/os >/dev/null') == 0 or fail('no answer');
    my @found;
    for (`ostree log $REF`) {
        push @found, [$1, undef] if /^commit ([0-9a-f]{64})/;
        $found[-1][1] //= $1 if @found && /^Version: (.*)/;
    }
    return @found;
}

# The commit of a version, a checksum or a digest.
sub commit_of {
    my ($wanted) = @_;
    $wanted =~ s/^sha256://;
    for (commits()) { return $_->[0] if $wanted eq $_->[0] || $wanted eq ($_->[1] // '') }
    fail("Did not find version '$wanted'");
}

sub null { return \undef }
sub flag { return $_[0] ? \1 : \0 }

sub json {
    my ($value) = @_;
    return '{' . join(',', map { json($_) . ':' . json($value->{$_}) } sort keys %$value) . '}' if ref $value eq 'HASH';
    return '[' . join(',', map { json($_) } @$value) . ']' if ref $value eq 'ARRAY';
    return !defined $$value ? 'null' : $$value ? 'true' : 'false' if ref $value;
    return 'null' unless defined $value;
    return $value if $value =~ /^\d{1,15}\z/;
    $value =~ s/(["\\])/\\$1/g;
    return qq("$value");
}

sub slurp { open(my $file, '<', $_[0]) or return ''; local $/; my $text = <$file> // ''; $text =~ s{\s+\z}{}; return $text }

sub spew {
    my ($path, $text) = @_;
    my ($folder) = $path =~ m{^(.*)/};
    system('mkdir', '-p', $folder);
    open(my $file, '>', "$path.$$") or fail("$path: $!");
    print $file "$text\n";
    close $file;
    rename("$path.$$", $path) or fail("$path: $!");
}

# A slow network: so many seconds, said in progress as the real ones do.
sub pause {
    my ($say) = @_;
    my $seconds = slurp('/etc/lab/slow') || 0;
    for (1 .. 10 * $seconds) { $say->($_ / (10 * $seconds)); select(undef, undef, undef, 0.1) }
}

1;
