# Installing and packing; the Makefile includes it.
#
#   install     to DESTDIR/PREFIX:  bin/kasane               the one name in PATH
#                                   libexec/kasane           the programs
#                                   share/kasane             the pipeline, configs
#                                   share/man, share/doc, share/bash-completion
#               LINKS=yes: the programs, under their own names, into PATH too
#   uninstall   removes what install put there, and nothing else
#   dist        kasane-VERSION.tar.gz, the files that git knows; in DISTDIR
#   deb         a Debian package; in DISTDIR

DISTDIR = .
TREE = $(BUILD)/tree
MAN = $(BUILD)/man
NAMES = $(notdir $(PROGRAMS))
MANUALS = $(NAMES:%=$(MAN)/kasane-%.1) $(MAN)/kasane.1
DOCUMENTS = LICENSE $(wildcard *.md)
TEST_PACKAGES += man-db groff-base mandoc dpkg-dev fakeroot

# --- man pages and completion, from what programs say of themselves ---

$(NAMES:%=$(MAN)/%.tsv): $(MAN)/%.tsv: $(BIN)/%
	@mkdir -p $(@D)
	$(abspath $<) --describe >$@
MANUAL = install/manual -v version=$(VERSION) -v date=$$(date -u -r VERSION +%F)
$(NAMES:%=$(MAN)/kasane-%.1): $(MAN)/kasane-%.1: $(MAN)/%.tsv install/manual VERSION
	$(MANUAL) $< >$@
$(MAN)/kasane.1: $(NAMES:%=$(MAN)/%.tsv) install/manual VERSION
	$(MANUAL) -v all=1 $(NAMES:%=$(MAN)/%.tsv) >$@
$(MAN)/kasane.bash: $(NAMES:%=$(MAN)/%.tsv) Makefile.pipeline $(wildcard install/completion*)
	{ install/completion Makefile.pipeline $(NAMES:%=$(MAN)/%.tsv); \
		cat install/completion.bash; } >$@
manuals: $(MANUALS) $(MAN)/kasane.bash

# --- the tree as it is to stand, and its way to DESTDIR ---

PUT = $(TREE)$(PREFIX)
define put_tree
	rm -rf $(TREE)
	install -D -t $(PUT)/libexec/kasane $(PROGRAMS)
	install -D -t $(PUT)/bin install/kasane
	install -D -m 644 -t $(PUT)/share/kasane VERSION Makefile.pipeline
	cp -R configs pipeline $(PUT)/share/kasane
	install -D -m 644 -t $(PUT)/share/man/man1 $(MANUALS)
	install -D -m 644 $(MAN)/kasane.bash $(PUT)/share/bash-completion/completions/kasane
	install -D -m 644 -t $(PUT)/share/doc/kasane $(DOCUMENTS)
	$(if $(wildcard docs),cp -R docs $(PUT)/share/doc/kasane)
	for p in $(if $(filter yes,$(LINKS)),$(NAMES)); do \
		ln -s ../libexec/kasane/$$p $(PUT)/bin/$$p; \
		ln -s kasane $(PUT)/share/bash-completion/completions/$$p; \
		ln -s kasane-$$p.1 $(PUT)/share/man/man1/$$p.1; \
	done
	chmod -R u=rwX,go=rX $(TREE)
	chown -R --reference=$(BUILD) $(MAN) $(TREE)   # root installs what is another's
endef
install: all manuals
	$(put_tree)
	install/copy $(TREE) '$(DESTDIR)' '$(PREFIX)'
uninstall:
	install/copy -r '$(DESTDIR)' '$(PREFIX)'

# --- packing ---

PACKED = kasane-$(VERSION)
dist:
	git ls-files -z | tar --null -T - --transform 's,^,$(PACKED)/,' --sort=name --owner=0 --group=0 \
		--numeric-owner --mtime="@$$(git log -1 --format=%ct)" -cf - | \
		gzip -9n >$(DISTDIR)/$(PACKED).tar.gz

# dpkg-shlibdeps finds the libraries' packages. OpenBLAS is loaded by name, make and the rest are
# asked by the pipeline.
DEB = $(BUILD)/deb
MAINTAINER = the Kasane authors <kasane@localhost>
ARCHITECTURE = $(shell dpkg --print-architecture)
deb: override PREFIX = /usr
deb: override LINKS =
deb: override TREE = $(DEB)/root
deb: all manuals
	$(put_tree)
	strip $(DEB)/root/usr/libexec/kasane/*
	gzip -9n $(DEB)/root/usr/share/man/man1/*
	mv $(DEB)/root/usr/share/doc/kasane/LICENSE $(DEB)/root/usr/share/doc/kasane/copyright
	mkdir -p $(DEB)/root/DEBIAN $(DEB)/debian
	printf 'Source: kasane\n\nPackage: kasane\nArchitecture: any\n' >$(DEB)/debian/control
	cd $(DEB) && dpkg-shlibdeps -Osubstvars root/usr/libexec/kasane/*
	{ printf '%s\n' 'Package: kasane' 'Version: $(VERSION)' 'Architecture: $(ARCHITECTURE)' \
		'Maintainer: $(MAINTAINER)' 'Section: science' 'Priority: optional' \
		"Installed-Size: $$(du -sk $(DEB)/root/usr | cut -f 1)"; \
	printf '%s, make, zstd, libopenblas0-pthread\n' \
		"$$(sed -n 's/^shlibs:Depends=/Depends: /p' $(DEB)/substvars)"; \
	printf '%s\n' 'Recommends: gnuplot-nox | gnuplot-qt | gnuplot-x11, fonts-dejavu-core' \
		'Description: features of images by a stacked convolutional autoencoder' \
		' Kasane turns a folder of images into features, on a CPU: it trains a stacked' \
		' convolutional autoencoder one layer at a time, joins the layers into one deep' \
		' net and tunes it, and extracts, compares and shows the features.'; \
	} >$(DEB)/root/DEBIAN/control
	cd $(DEB)/root && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums
	chmod -R u=rwX,go=rX $(DEB)/root
	dpkg-deb --root-owner-group --build $(DEB)/root \
		$(DISTDIR)/kasane_$(VERSION)_$(ARCHITECTURE).deb
.PHONY: manuals install uninstall dist deb
